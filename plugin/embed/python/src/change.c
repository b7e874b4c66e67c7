/* change: see change.h. */
#include "change.h"

#include <stdlib.h>

#include "options.h"

/* Within a dispatch or close, with the GIL or without it. */
static void ended(void *arg, const trommel_change_result *r)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *ends = arg;
    PyObject *row = Py_BuildValue("iIIz", r->code, (unsigned)r->generation, (unsigned)r->live, r->message);

    if (!row || PyList_Append(ends, row) < 0)
        PyErr_Clear(); /* no memory; who waits finds the pipeline's state */
    Py_XDECREF(row);
    Py_DECREF(ends);
    PyGILState_Release(gil);
}

static int change_read(PyObject *args, trommel_change *c, PyObject **ret_ends, const char ***texts)
{
    PyObject *id, *file, *after, *lists[3];
    unsigned flags;

    if (!PyArg_ParseTuple(args, "O!IOOOO!O!O!I:change", &PyList_Type, ret_ends, &c->kind, &id, &file, &after,
                          &PyTuple_Type, &lists[0], &PyTuple_Type, &lists[1], &PyTuple_Type, &lists[2],
                          &flags) ||
        text_of(id, &c->id) < 0 || text_of(file, &c->file) < 0 || text_of(after, &c->after) < 0 ||
        strings_of(lists[0], &texts[0], &c->n_sets) < 0 || strings_of(lists[1], &texts[1], &c->n_ids) < 0 ||
        strings_of(lists[2], &texts[2], &c->n_keep) < 0)
        return -1;
    c->sets = texts[0];
    c->ids = texts[1];
    c->keep = texts[2];
    c->network = (flags & CHANGE_NETWORK) != 0;
    c->despite_block = (flags & CHANGE_DESPITE_BLOCK) != 0;
    c->no_golden = (flags & CHANGE_NO_GOLDEN) != 0;
    c->no_probation = (flags & CHANGE_NO_PROBATION) != 0;
    return 0;
}

int change_start(trommel *t, PyObject *args, trommel_error *err)
{
    trommel_change c = { .struct_size = sizeof c };
    const char **texts[3] = { NULL, NULL, NULL };
    PyObject *ends;
    int rc = 1;

    if (change_read(args, &c, &ends, texts) == 0) {
        Py_INCREF(ends); /* ended() gives it back */
        Py_BEGIN_ALLOW_THREADS;
        rc = trommel_change_chain(t, &c, ended, ends, err);
        Py_END_ALLOW_THREADS;
        if (rc < 0)
            Py_DECREF(ends);
    }
    for (int i = 0; i < 3; i++)
        free(texts[i]);
    return rc;
}
