/* change: another chain while pages run, as trommel_change_chain has it. */
#ifndef TROMMEL_PYTHON_CHANGE_H
#define TROMMEL_PYTHON_CHANGE_H
#include "python.h"

#include <trommel/trommel.h>

/* args: (ends, kind, id, file, after, set, ids, keep, flags): a list to which (code, generation, live,
 * message) is appended when it has ended, from a dispatch; the kind's number; bytes or None; tuples of bytes;
 * bits of CHANGE_*. 0: it is under way.  A negative error of the library with *err, or 1 with an exception:
 * nothing happened. */
enum { CHANGE_NETWORK = 1, CHANGE_DESPITE_BLOCK = 2, CHANGE_NO_GOLDEN = 4, CHANGE_NO_PROBATION = 8 };
int change_start(trommel *t, PyObject *args, trommel_error *err);
#endif
