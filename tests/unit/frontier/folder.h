/* A temporary folder for a test, removed with all that is in it. */
#ifndef TROMMEL_TESTS_FOLDER_H
#define TROMMEL_TESTS_FOLDER_H
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static inline int folder_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static inline void folder_remove(char *path)
{
    nftw(path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

static inline char *folder_new(void)
{
    const char *tmp = getenv("TMPDIR");
    char *path;

    if (asprintf(&path, "%s/trommel-frontier-XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0 || !mkdtemp(path))
        abort();
    return path;
}
#endif
