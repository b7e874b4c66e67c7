/* head: see head.h. */
#include "head.h"

#include <string.h>
#include <strings.h>

trommel_str head_value(trommel_str head, const char *name)
{
    const char *p = head.p, *end = p ? p + head.n : NULL;
    size_t name_n = strlen(name);

    while (p && p < end) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        const char *next = line_end ? line_end + 1 : end;
        if ((size_t)(next - p) > name_n && p[name_n] == ':' && strncasecmp(p, name, name_n) == 0) {
            const char *from = p + name_n + 1, *to = next;
            while (from < to && (*from == ' ' || *from == '\t'))
                from++;
            while (to > from && strchr(" \t\r\n", to[-1]))
                to--;
            return (trommel_str){ from, (size_t)(to - from) };
        }
        p = next;
    }
    return (trommel_str){ 0 };
}
