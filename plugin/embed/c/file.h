/* file: a whole file in memory, for the examples; the caller frees it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static trommel_str file_read(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *p = NULL;
    size_t n = 0, got = 0;

    if (!f) {
        perror(path);
        exit(1);
    }
    do {
        n += got;
        p = realloc(p, n + 65536);
        got = p ? fread(p + n, 1, 65536, f) : 0;
    } while (got);
    fclose(f);
    return (trommel_str){ p, n };
}
