/* decode: a record's msgpack as Python objects.
 *
 * Maps become dict, arrays list, strings str, binary bytes, nil None.  The bytes come from the library, which
 * has checked them; every length is nevertheless held against what is left, and depth is bounded.  Keys are
 * kept from one record to the next: they are the same few.  Holds the GIL throughout. */
#ifndef TROMMEL_PYTHON_DECODE_H
#define TROMMEL_PYTHON_DECODE_H
#include "python.h"

#include <stddef.h>

/* A new reference, or NULL with an exception (ValueError: no msgpack). */
PyObject *record_decode(const char *bytes, size_t n);
#endif
