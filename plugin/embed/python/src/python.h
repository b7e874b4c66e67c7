/* python: the stable ABI of CPython, from 3.9 on; before any other header. */
#ifndef TROMMEL_PYTHON_H
#define TROMMEL_PYTHON_H
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x03090000
#endif
#include <Python.h>
#endif
