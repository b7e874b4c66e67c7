/* server_raw: see server_raw.h. */
#include "server_raw.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RAW_FILE_MAX = 64 << 20, STATUS_AT = 9 /* behind "HTTP/1.1 " */ };

char *file_read(const char *path, size_t *ret_n)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *data = NULL;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= RAW_FILE_MAX) {
        data = malloc((size_t)st.st_size + 1);
        if (!data)
            abort();
        ssize_t n = read(fd, data, (size_t)st.st_size);
        *ret_n = n > 0 ? (size_t)n : 0;
        data[*ret_n] = 0;
    }
    close(fd);
    return data;
}

/* The name of the file in the line of that target, in list. */
static const char *raw_find(char *list, const char *target)
{
    size_t n = strlen(target);

    for (char *line = list, *end; line && *line; line = end ? end + 1 : NULL) {
        end = strchr(line, '\n');
        if (!strncmp(line, target, n) && line[n] == '\t') {
            line[n + 1 + strcspn(line + n + 1, "\t\n")] = 0;
            return line + n + 1;
        }
    }
    return NULL;
}

char *raw_answer(const char *dir, const char *path, const char *query, size_t *ret_n)
{
    char target[8300], at[4096];
    size_t n;

    snprintf(at, sizeof at, "%s/site.tsv", dir);
    char *list = file_read(at, &n), *data = NULL;
    if (!list)
        return NULL;
    snprintf(target, sizeof target, "%s%s%s", path, query ? "?" : "", query ? query : "");
    const char *name = raw_find(list, target);
    if (name) {
        snprintf(at, sizeof at, "%s/%s", dir, name);
        data = file_read(at, ret_n);
    }
    free(list);
    return data;
}

size_t raw_head(const char *answer, size_t n)
{
    const char *end = memmem(answer, n, "\r\n\r\n", 4);

    return end ? (size_t)(end - answer) + 4 : n;
}

int raw_status(const char *answer, size_t n)
{
    return n > STATUS_AT ? atoi(answer + STATUS_AT) : 0;
}

int raw_closes(const char *answer, size_t n)
{
    return memmem(answer, raw_head(answer, n), "\r\nConnection: close", 19) != NULL;
}
