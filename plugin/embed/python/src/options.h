/* options: what Core(...) is given, as trommel_options.
 *
 * Text comes as bytes (paths in the file system's encoding, the rest in UTF-8), lists as tuples; the Python
 * side sees to that.  What is borrowed lives as long as the arguments and the memory here. */
#ifndef TROMMEL_PYTHON_OPTIONS_H
#define TROMMEL_PYTHON_OPTIONS_H
#include "python.h"

#include <trommel/trommel.h>

struct options_memory {
    const char **sets;
    const char ***stage_sets;
    trommel_stage_ref *stages;
    size_t n_stages;
};
/* 0, or -1 with an exception; release the memory in either case, after trommel_open. */
int options_read(PyObject *args, PyObject *kwargs, trommel_options *opt, int *ret_records,
                 struct options_memory *memory);
void options_release(struct options_memory *memory);
/* The text of bytes, which have no NUL in them; None is NULL.  0, or -1 with an exception. */
int text_of(PyObject *bytes, const char **ret);
/* A tuple of bytes as an array of strings, to be freed in either case. */
int strings_of(PyObject *tuple, const char ***ret, size_t *ret_n);
#endif
