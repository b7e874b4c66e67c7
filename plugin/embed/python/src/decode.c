/* decode: see decode.h. */
#include "decode.h"

#include <stdint.h>
#include <string.h>

enum { DEPTH_MAX = 64, KEY_BYTES = 24, KEY_SLOTS = 256 };

struct reader {
    const unsigned char *at, *end;
    unsigned depth;
};

/* Keys seen before; a slot holds the last one that fell there. */
static struct key {
    unsigned char n, bytes[KEY_BYTES];
    PyObject *str;
} keys[KEY_SLOTS];

static PyObject *value(struct reader *r);

static PyObject *bad(const char *what)
{
    PyErr_Format(PyExc_ValueError, "record: %s", what);
    return NULL;
}

static size_t left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

/* The next `width` bytes as a big-endian number; 0 if there are that many. */
static int number(struct reader *r, unsigned width, uint64_t *ret)
{
    *ret = 0;
    if (left(r) < width)
        return -1;
    for (unsigned i = 0; i < width; i++)
        *ret = *ret << 8 | *r->at++;
    return 0;
}

static const char *take(struct reader *r, uint64_t n)
{
    const char *p = (const char *)r->at;

    if (left(r) < n)
        return NULL;
    r->at += n;
    return p;
}

static PyObject *string(struct reader *r, uint64_t n)
{
    const char *p = take(r, n);

    return p ? PyUnicode_DecodeUTF8(p, (Py_ssize_t)n, NULL) : bad("a string goes past the end");
}

static PyObject *binary(struct reader *r, uint64_t n)
{
    const char *p = take(r, n);

    return p ? PyBytes_FromStringAndSize(p, (Py_ssize_t)n) : bad("bytes go past the end");
}

static PyObject *real(struct reader *r, unsigned width)
{
    uint64_t bits;
    uint32_t bits32;
    double d;
    float f;

    if (number(r, width, &bits) < 0)
        return bad("a number goes past the end");
    if (width == 8) {
        memcpy(&d, &bits, sizeof d);
        return PyFloat_FromDouble(d);
    }
    bits32 = (uint32_t)bits;
    memcpy(&f, &bits32, sizeof f);
    return PyFloat_FromDouble((double)f);
}

static PyObject *integer(struct reader *r, unsigned width, int is_signed)
{
    uint64_t bits;

    if (number(r, width, &bits) < 0)
        return bad("a number goes past the end");
    if (!is_signed)
        return PyLong_FromUnsignedLongLong(bits);
    unsigned pad = 64 - 8 * width;
    return PyLong_FromLongLong((int64_t)(bits << pad) >> pad);
}

/* A map's key: a short string comes from the keys kept. */
static PyObject *key(struct reader *r)
{
    unsigned n = left(r) ? *r->at & 0x1f : 0, hash = n;

    if (!left(r) || (*r->at & 0xe0) != 0xa0 || n > KEY_BYTES || left(r) < 1 + (size_t)n)
        return value(r);
    const unsigned char *p = r->at + 1;
    for (unsigned i = 0; i < n; i++)
        hash = hash * 31 + p[i];
    struct key *k = &keys[hash % KEY_SLOTS];
    if (!k->str || k->n != n || memcmp(k->bytes, p, n) != 0) {
        PyObject *str = PyUnicode_DecodeUTF8((const char *)p, n, NULL);
        if (!str)
            return NULL;
        Py_XDECREF(k->str);
        k->str = str;
        k->n = (unsigned char)n;
        memcpy(k->bytes, p, n);
    }
    r->at += 1 + n;
    Py_INCREF(k->str);
    return k->str;
}

static int map_entry(struct reader *r, PyObject *dict)
{
    PyObject *k = key(r), *v = k ? value(r) : NULL;
    int rc = v ? PyDict_SetItem(dict, k, v) : -1;

    Py_XDECREF(k);
    Py_XDECREF(v);
    return rc;
}

static PyObject *map(struct reader *r, uint64_t n)
{
    PyObject *dict;

    if (n > left(r) / 2)
        return bad("a map goes past the end");
    dict = PyDict_New();
    for (uint64_t i = 0; dict && i < n; i++)
        if (map_entry(r, dict) < 0)
            Py_CLEAR(dict);
    return dict;
}

static PyObject *array(struct reader *r, uint64_t n)
{
    PyObject *list;

    if (n > left(r))
        return bad("an array goes past the end");
    list = PyList_New((Py_ssize_t)n);
    for (uint64_t i = 0; list && i < n; i++) {
        PyObject *v = value(r);
        if (!v)
            Py_CLEAR(list);
        else
            PyList_SetItem(list, (Py_ssize_t)i, v);
    }
    return list;
}

/* What is longer than its first byte can say. */
static PyObject *counted(struct reader *r, unsigned width, PyObject *(*read)(struct reader *, uint64_t))
{
    uint64_t n;

    return number(r, width, &n) < 0 ? bad("a length goes past the end") : read(r, n);
}

static PyObject *constant(PyObject *one)
{
    Py_INCREF(one);
    return one;
}

static PyObject *tagged(struct reader *r, unsigned tag)
{
    switch (tag) {
    case 0xc0:
        return constant(Py_None);
    case 0xc2:
        return constant(Py_False);
    case 0xc3:
        return constant(Py_True);
    case 0xc4:
        return counted(r, 1, binary);
    case 0xc5:
        return counted(r, 2, binary);
    case 0xc6:
        return counted(r, 4, binary);
    case 0xca:
        return real(r, 4);
    case 0xcb:
        return real(r, 8);
    case 0xcc:
        return integer(r, 1, 0);
    case 0xcd:
        return integer(r, 2, 0);
    case 0xce:
        return integer(r, 4, 0);
    case 0xcf:
        return integer(r, 8, 0);
    case 0xd0:
        return integer(r, 1, 1);
    case 0xd1:
        return integer(r, 2, 1);
    case 0xd2:
        return integer(r, 4, 1);
    case 0xd3:
        return integer(r, 8, 1);
    case 0xd9:
        return counted(r, 1, string);
    case 0xda:
        return counted(r, 2, string);
    case 0xdb:
        return counted(r, 4, string);
    case 0xdc:
        return counted(r, 2, array);
    case 0xdd:
        return counted(r, 4, array);
    case 0xde:
        return counted(r, 2, map);
    case 0xdf:
        return counted(r, 4, map);
    default:
        return bad("a type that records do not have");
    }
}

static PyObject *value(struct reader *r)
{
    PyObject *v;

    if (!left(r))
        return bad("it ends too early");
    if (r->depth == DEPTH_MAX)
        return bad("it is nested too deep");
    unsigned tag = *r->at++;
    r->depth++;
    if (tag < 0x80)
        v = PyLong_FromLong((long)tag);
    else if (tag < 0x90)
        v = map(r, tag & 0x0f);
    else if (tag < 0xa0)
        v = array(r, tag & 0x0f);
    else if (tag < 0xc0)
        v = string(r, tag & 0x1f);
    else if (tag >= 0xe0)
        v = PyLong_FromLong((long)tag - 256);
    else
        v = tagged(r, tag);
    r->depth--;
    return v;
}

PyObject *record_decode(const char *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *)bytes;
    struct reader r = { p, p + n, 0 };
    PyObject *v = value(&r);

    if (v && left(&r)) {
        Py_DECREF(v);
        return bad("something comes behind it");
    }
    return v;
}
