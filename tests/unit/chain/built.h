/* built: where the tests' programs and plugins lie. */
#ifndef TROMMEL_TESTS_CHAIN_BUILT_H
#define TROMMEL_TESTS_CHAIN_BUILT_H
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The folder that was built into: $TROMMEL_BUILD, else found from this program. */
static inline const char *build_dir(void)
{
    static char path[PATH_MAX];
    ssize_t n;

    if (getenv("TROMMEL_BUILD"))
        return getenv("TROMMEL_BUILD");
    n = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = 0;
    for (int i = 0; i < 4; i++) /* BUILD/test/unit/chain/test_X */
        *strrchr(path, '/') = 0;
    return path;
}

/* A file in it; malloc'd. */
static inline char *built(const char *name)
{
    char *path;

    assert_true(asprintf(&path, "%s/%s", build_dir(), name) > 0);
    return path;
}
#endif
