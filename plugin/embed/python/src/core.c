/* core: libtrommel for Python, as `trommel._core`.
 *
 * One type, Core, which is a pipeline as trommel.h has it, and no more than that: pages go in under a number,
 * and dispatch() gives (number, outcome, cpu_us, record) of those that finished.  What is pleasant to use
 * stands on it in Python.  Waits and copies run without the GIL; records are copied as the library hands them
 * out, and become objects when the GIL is back.
 *
 * Threads: submit() by any; dispatch() by one at a time (the caller's lock); close() refuses while another is
 * in a call.  Where a method is interrupted by a signal, its handler runs and may raise. */
#include "change.h"
#include "decode.h"
#include "lines.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>
#include <trommel/trommel.h>

enum { SLICE_MS = 100 };
enum records { RECORDS_NONE, RECORDS_DICT, RECORDS_BYTES };

struct done {
    struct done *next;
    uintptr_t number;
    uint32_t outcome;
    uint64_t cpu_us;
    size_t n;
    char record[];
};

typedef struct core {
    PyObject_HEAD trommel *t;
    unsigned users; /* calls under way; guarded by the GIL */
    int records;
    /* written by whoever dispatches */
    struct done *first, **last;
    int no_memory;
    struct lines lines; /* written by any thread */
} core;

static PyObject *error_type;

/* ---- errors ---- */

/* Always NULL. */
static PyObject *raise_text(int code, const char *text)
{
    PyObject *words = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    PyObject *e = words ? PyObject_CallFunctionObjArgs(error_type, words, NULL) : NULL;
    PyObject *number = e ? PyLong_FromLong(code) : NULL;

    if (number && PyObject_SetAttrString(e, "code", number) == 0)
        PyErr_SetObject(error_type, e);
    Py_XDECREF(number);
    Py_XDECREF(e);
    Py_XDECREF(words);
    return NULL;
}

static PyObject *raise(const trommel_error *err, int code)
{
    return raise_text(code, err->text[0] ? err->text : trommel_strerror(code));
}

/* The pipeline, or NULL with an exception. */
static trommel *open_one(core *c)
{
    if (!c->t)
        raise_text(-1, "pipeline: it is closed; open another");
    return c->t;
}

/* ---- what the library calls, without the GIL ---- */

static void on_record(void *arg, void *user, const trommel_result *r)
{
    core *c = arg;
    size_t n = c->records == RECORDS_NONE ? 0 : r->record.n;
    struct done *d = malloc(sizeof *d + n);

    if (!d) {
        c->no_memory = 1;
        return;
    }
    *d = (struct done){ .number = (uintptr_t)user, .outcome = r->outcome, .cpu_us = r->cpu_us, .n = n };
    if (n)
        memcpy(d->record, r->record.p, n);
    *c->last = d;
    c->last = &d->next;
}

static void on_log(void *arg, int level, const char *text)
{
    core *c = arg;

    lines_add(&c->lines, level, text);
}

/* ---- opening and closing ---- */

static void forget(core *c)
{
    while (c->first) {
        struct done *d = c->first;
        c->first = d->next;
        free(d);
    }
    c->last = &c->first;
}

static PyObject *core_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    core *c = (core *)alloc(type, 0);

    (void)args;
    (void)kwargs;
    if (!c)
        return NULL;
    c->last = &c->first;
    lines_init(&c->lines);
    return (PyObject *)c;
}

static int core_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    core *c = (core *)self;
    trommel_options opt = { .struct_size = sizeof opt, .on_record = on_record, .on_log = on_log, .arg = c };
    trommel_error err = { .struct_size = sizeof err };
    struct options_memory memory = { 0 };
    trommel *t = NULL;
    int rc = -1;

    if (c->t)
        raise_text(-1, "pipeline: it is open");
    else
        rc = options_read(args, kwargs, &opt, &c->records, &memory);
    if (rc == 0) {
        Py_BEGIN_ALLOW_THREADS;
        rc = trommel_open(&opt, &t, &err);
        Py_END_ALLOW_THREADS;
        if (rc < 0)
            raise(&err, rc);
        c->t = t;
    }
    options_release(&memory);
    return rc < 0 ? -1 : 0;
}

static PyObject *core_close(PyObject *self, PyObject *none)
{
    core *c = (core *)self;
    trommel *t = c->t;

    (void)none;
    if (c->users)
        return raise_text(-1, "pipeline: cannot be closed while another thread waits in it");
    c->t = NULL;
    Py_BEGIN_ALLOW_THREADS;
    trommel_close(t);
    Py_END_ALLOW_THREADS;
    forget(c);
    Py_RETURN_NONE;
}

static void core_dealloc(PyObject *self)
{
    core *c = (core *)self;
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    trommel_close(c->t);
    forget(c);
    lines_release(&c->lines);
    release(self);
    Py_DECREF(type);
}

/* ---- pages in ---- */

static trommel_str str_of(const char *p, Py_ssize_t n)
{
    return (trommel_str){ p, p ? (size_t)n : 0 };
}

/* submit(number, body, status, id, url, final_url, content_type, content_encoding, headers, fetched_ms,
 * fetch): False when there is no room now. */
static PyObject *core_submit(PyObject *self, PyObject *args)
{
    core *c = (core *)self;
    const char *body, *id, *url, *final_url, *type, *coding, *headers, *fetch, *failed;
    Py_ssize_t body_n, id_n, url_n, final_n, type_n, coding_n, headers_n, fetch_n, failed_n;
    unsigned long long number;
    unsigned short status;
    unsigned deadline_ms;
    long long fetched_ms;
    trommel_error err = { .struct_size = sizeof err };

    if (!PyArg_ParseTuple(args, "Kz#Hz#z#z#z#z#z#Lz#Iz#:submit", &number, &body, &body_n, &status, &id, &id_n,
                          &url, &url_n, &final_url, &final_n, &type, &type_n, &coding, &coding_n, &headers,
                          &headers_n, &fetched_ms, &fetch, &fetch_n, &deadline_ms, &failed, &failed_n))
        return NULL;
    trommel *t = open_one(c);
    if (!t)
        return NULL;
    trommel_input in = { .struct_size = sizeof in,
                         .status = status,
                         .id = str_of(id, id_n),
                         .url = str_of(url, url_n),
                         .final_url = str_of(final_url, final_n),
                         .content_type = str_of(type, type_n),
                         .content_encoding = str_of(coding, coding_n),
                         .headers = str_of(headers, headers_n),
                         .body = str_of(body, body_n),
                         .fetched_ms = fetched_ms,
                         .fetch = str_of(fetch, fetch_n),
                         .deadline_ms = deadline_ms,
                         .failed = str_of(failed, failed_n) };
    int rc;
    c->users++;
    Py_BEGIN_ALLOW_THREADS;
    rc = trommel_submit(t, &in, (void *)(uintptr_t)number, &err);
    Py_END_ALLOW_THREADS;
    c->users--;
    if (rc == 0)
        Py_RETURN_TRUE;
    if (rc == TROMMEL_FULL)
        Py_RETURN_FALSE;
    return raise(&err, rc);
}

/* ---- records out ---- */

static PyObject *record_of(const core *c, const struct done *d)
{
    if (d->n && c->records == RECORDS_DICT)
        return record_decode(d->record, d->n);
    if (d->n && c->records == RECORDS_BYTES)
        return PyBytes_FromStringAndSize(d->record, (Py_ssize_t)d->n);
    Py_RETURN_NONE;
}

static int list_add(const core *c, PyObject *list, const struct done *d)
{
    PyObject *record = record_of(c, d);
    PyObject *row = record ? Py_BuildValue("KIKN", (unsigned long long)d->number, (unsigned)d->outcome,
                                           (unsigned long long)d->cpu_us, record)
                           : NULL;
    int rc = row ? PyList_Append(list, row) : -1;

    Py_XDECREF(row);
    return rc;
}

/* What was handed out since, as a list; those behind one that cannot be made an object stay for the next
 * call. */
static PyObject *done_list(core *c)
{
    PyObject *list = PyList_New(0);

    while (list && c->first) {
        struct done *d = c->first;
        c->first = d->next;
        if (!c->first)
            c->last = &c->first;
        if (list_add(c, list, d) < 0)
            Py_CLEAR(list);
        free(d);
    }
    if (list && c->no_memory) {
        c->no_memory = 0;
        Py_CLEAR(list);
        PyErr_NoMemory();
    }
    return list;
}

/* A call that waits, for a slice of *timeout_ms, so that Python's signal handlers get their turn.
 * TROMMEL_AGAIN is the one error without an exception. */
static int in_slices(core *c, int (*call)(trommel *, int, trommel_error *), int *timeout_ms)
{
    trommel_error err = { .struct_size = sizeof err };
    int slice = *timeout_ms < 0 || *timeout_ms > SLICE_MS ? SLICE_MS : *timeout_ms, rc;
    trommel *t = open_one(c);

    if (!t)
        return -1;
    c->users++;
    Py_BEGIN_ALLOW_THREADS;
    rc = call(t, slice, &err);
    Py_END_ALLOW_THREADS;
    c->users--;
    if (rc < 0 && rc != TROMMEL_AGAIN)
        raise(&err, rc);
    else if (PyErr_CheckSignals() < 0)
        rc = -1;
    if (*timeout_ms > 0)
        *timeout_ms -= slice;
    return rc;
}

/* dispatch(timeout_ms): waits that long (-1: for ever) for records; a list, empty for none. */
static PyObject *core_dispatch(PyObject *self, PyObject *args)
{
    core *c = (core *)self;
    int timeout_ms, rc;

    if (!PyArg_ParseTuple(args, "i:dispatch", &timeout_ms))
        return NULL;
    do {
        rc = in_slices(c, trommel_dispatch, &timeout_ms);
        if (rc < 0 && rc != TROMMEL_AGAIN)
            return NULL;
    } while (rc == TROMMEL_AGAIN && timeout_ms && trommel_pending(c->t));
    PyObject *list = done_list(c);
    if (!list) {
        PyErr_Clear();
        return raise_text(-1, "a record could not be made an object; is there memory?");
    }
    return list;
}

/* flush(timeout_ms): waits until nothing is pending; True, or False when the time was over before.  Records
 * are left for dispatch(). */
static PyObject *core_flush(PyObject *self, PyObject *args)
{
    core *c = (core *)self;
    int timeout_ms, rc;

    if (!PyArg_ParseTuple(args, "i:flush", &timeout_ms))
        return NULL;
    do {
        rc = in_slices(c, trommel_flush, &timeout_ms);
        if (rc < 0 && rc != TROMMEL_AGAIN)
            return NULL;
    } while (rc == TROMMEL_AGAIN && timeout_ms);
    return PyBool_FromLong(rc == 0);
}

/* change(ends, …): see change.h. */
static PyObject *core_change(PyObject *self, PyObject *args)
{
    core *c = (core *)self;
    trommel_error err = { .struct_size = sizeof err };
    trommel *t = open_one(c);

    if (!t)
        return NULL;
    c->users++;
    int rc = change_start(t, args, &err);
    c->users--;
    if (rc < 0)
        return raise(&err, rc);
    if (rc > 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *core_logs(PyObject *self, PyObject *none)
{
    (void)none;
    return lines_take(&((core *)self)->lines);
}

static PyObject *core_fileno(PyObject *self, PyObject *none)
{
    trommel *t = open_one((core *)self);

    (void)none;
    return t ? PyLong_FromLong(trommel_fd(t)) : NULL;
}

static PyObject *core_pending(PyObject *self, PyObject *none)
{
    core *c = (core *)self;

    (void)none;
    return PyLong_FromSize_t(c->t ? trommel_pending(c->t) : 0);
}

static PyMethodDef core_methods[] = {
    { "submit", core_submit, METH_VARARGS, "Hands a page over; False when there is no room now." },
    { "dispatch", core_dispatch, METH_VARARGS,
      "Waits for records; [(number, outcome, cpu_us, record), ...]." },
    { "flush", core_flush, METH_VARARGS, "Waits until nothing is pending; False when it took too long." },
    { "change", core_change, METH_VARARGS, "Begins a change of the chain." },
    { "logs", core_logs, METH_NOARGS, "What the library and the stages said since: [(level, text), ...]." },
    { "fileno", core_fileno, METH_NOARGS, "Readable when dispatch() has something to do." },
    { "pending", core_pending, METH_NOARGS, "Pages whose record has not been handed out." },
    { "close", core_close, METH_NOARGS, "Ends the workers; what is pending has no record." },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot core_slots[] = {
    { Py_tp_doc, "A pipeline; see core.c." }, { Py_tp_new, core_new },         { Py_tp_init, core_init },
    { Py_tp_dealloc, core_dealloc },          { Py_tp_methods, core_methods }, { 0, NULL },
};

static PyType_Spec core_spec = {
    .name = "trommel._core.Core",
    .basicsize = sizeof(core),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = core_slots,
};

static PyObject *module_decode(PyObject *self, PyObject *args)
{
    const char *p;
    Py_ssize_t n;

    (void)self;
    if (!PyArg_ParseTuple(args, "y#:decode", &p, &n))
        return NULL;
    return record_decode(p, (size_t)n);
}

static PyMethodDef module_methods[] = {
    { "decode", module_decode, METH_VARARGS, "A record's msgpack as Python objects." },
    { NULL, NULL, 0, NULL },
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "trommel._core",   .m_doc = "libtrommel, as it is.",
    .m_size = -1,          .m_methods = module_methods,
};

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void)
{
    PyObject *m = PyModule_Create(&module), *type = m ? PyType_FromSpec(&core_spec) : NULL;

    error_type =
        type ? PyErr_NewExceptionWithDoc("trommel.Error",
                                         "What the library says is wrong; `code` is its number.", NULL, NULL)
             : NULL;
    if (!error_type || PyModule_AddObject(m, "Core", type) < 0 ||
        PyModule_AddStringConstant(m, "version", trommel_version()) < 0)
        goto failed;
    Py_INCREF(error_type);
    if (PyModule_AddObject(m, "Error", error_type) < 0)
        goto failed;
    return m;
failed:
    Py_XDECREF(m);
    return NULL;
}
