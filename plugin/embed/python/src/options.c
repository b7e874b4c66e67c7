/* options: see options.h. */
#include "options.h"

#include <stdlib.h>

static int no_memory(void)
{
    PyErr_NoMemory();
    return -1;
}

int text_of(PyObject *bytes, const char **ret)
{
    char *text = NULL;
    int rc = bytes == Py_None ? 0 : PyBytes_AsStringAndSize(bytes, &text, NULL);

    *ret = text;
    return rc;
}

int strings_of(PyObject *tuple, const char ***ret, size_t *ret_n)
{
    Py_ssize_t n = PyTuple_Size(tuple);

    *ret = NULL;
    *ret_n = 0;
    if (n < 0 || !(*ret = calloc((size_t)n + 1, sizeof **ret)))
        return n < 0 ? -1 : no_memory();
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PyTuple_GetItem(tuple, i);
        if (!item || text_of(item, &(*ret)[i]) < 0)
            return -1;
    }
    *ret_n = (size_t)n;
    return 0;
}

static int stage_of(PyObject *row, trommel_stage_ref *stage, const char ***ret_set)
{
    PyObject *sets;
    size_t n;

    stage->struct_size = sizeof *stage;
    if (!PyArg_ParseTuple(row, "yO!", &stage->stage, &PyTuple_Type, &sets) ||
        strings_of(sets, ret_set, &n) < 0)
        return -1;
    stage->set = *ret_set;
    stage->n_set = (uint32_t)n;
    return 0;
}

static int stages_of(PyObject *rows, trommel_options *opt, struct options_memory *m)
{
    Py_ssize_t n = PyTuple_Size(rows);

    if (n < 0)
        return -1;
    m->stages = calloc((size_t)n + 1, sizeof *m->stages);
    m->stage_sets = calloc((size_t)n + 1, sizeof *m->stage_sets);
    if (!m->stages || !m->stage_sets)
        return no_memory();
    m->n_stages = (size_t)n;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *row = PyTuple_GetItem(rows, i);
        if (!row || stage_of(row, &m->stages[i], &m->stage_sets[i]) < 0)
            return -1;
    }
    opt->chain = m->stages;
    opt->n_chain = m->n_stages;
    return 0;
}

int options_read(PyObject *args, PyObject *kwargs, trommel_options *opt, int *ret_records,
                 struct options_memory *memory)
{
    static char *names[] = { "config",           "stages",       "set",     "out",
                             "dedupe_log",       "workers",      "queue",   "page_timeout_ms",
                             "stage_timeout_ms", "worker_bytes", "ordered", "network_stages",
                             "sink_patience_ms", "records",      NULL };
    PyObject *config, *stages, *sets, *out, *dedupe_log;
    unsigned long long worker_bytes;
    int ordered, network;
    size_t n;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO!OOIIIIKppIi:Core", names, &config, &stages,
                                     &PyTuple_Type, &sets, &out, &dedupe_log, &opt->workers, &opt->queue,
                                     &opt->page_timeout_ms, &opt->stage_timeout_ms, &worker_bytes, &ordered,
                                     &network, &opt->sink_patience_ms, ret_records))
        return -1;
    if (text_of(config, &opt->config) < 0 || text_of(out, &opt->out) < 0 ||
        text_of(dedupe_log, &opt->dedupe_log) < 0)
        return -1;
    opt->worker_bytes = worker_bytes;
    opt->ordered = (uint32_t)ordered;
    opt->network_stages = (uint32_t)network;
    if (strings_of(sets, &memory->sets, &n) < 0)
        return -1;
    opt->set = memory->sets;
    opt->n_set = n;
    return stages == Py_None ? 0 : stages_of(stages, opt, memory);
}

void options_release(struct options_memory *memory)
{
    for (size_t i = 0; i < memory->n_stages; i++)
        free(memory->stage_sets[i]);
    free(memory->stage_sets);
    free(memory->stages);
    free(memory->sets);
}
