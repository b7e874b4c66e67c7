/* lines: see lines.h. */
#include "lines.h"

#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 1000, LINE_BYTES = 2000 };

struct line {
    struct line *next;
    int level;
    char text[];
};

void lines_init(struct lines *l)
{
    *l = (struct lines){ .last = &l->first };
    pthread_mutex_init(&l->lock, NULL);
}

static struct line *all_of(struct lines *l)
{
    pthread_mutex_lock(&l->lock);
    struct line *first = l->first;
    l->first = NULL;
    l->last = &l->first;
    l->n = 0;
    pthread_mutex_unlock(&l->lock);
    return first;
}

void lines_release(struct lines *l)
{
    for (struct line *at = all_of(l), *next; at; at = next) {
        next = at->next;
        free(at);
    }
    pthread_mutex_destroy(&l->lock);
}

void lines_add(struct lines *l, int level, const char *text)
{
    size_t n = strnlen(text, LINE_BYTES);
    struct line *one = malloc(sizeof *one + n + 1);

    if (!one)
        return;
    one->next = NULL;
    one->level = level;
    memcpy(one->text, text, n);
    one->text[n] = 0;
    pthread_mutex_lock(&l->lock);
    int room = l->n < LINES_MAX;
    if (room) {
        *l->last = one;
        l->last = &one->next;
        l->n++;
    }
    pthread_mutex_unlock(&l->lock);
    if (!room)
        free(one);
}

PyObject *lines_take(struct lines *l)
{
    PyObject *list = PyList_New(0);

    for (struct line *at = all_of(l), *next; at; at = next) {
        PyObject *text =
            list ? PyUnicode_DecodeUTF8(at->text, (Py_ssize_t)strlen(at->text), "replace") : NULL;
        PyObject *row = text ? Py_BuildValue("iN", at->level, text) : NULL;
        next = at->next;
        if (!row || PyList_Append(list, row) < 0)
            Py_CLEAR(list);
        Py_XDECREF(row);
        free(at);
    }
    return list;
}
