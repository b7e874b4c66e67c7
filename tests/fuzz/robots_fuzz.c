/* robots: the first line of the input is a path, the rest a robots.txt.  No input may crash, hang, read past
 * its end or forbid /robots.txt itself; parsing again gives the same answer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "frontier/robots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int answer(trommel_str body, trommel_str target, trommel_str agent)
{
    struct robots *r = robots_parse(body, agent);
    int ret = robots_allows(r, target);

    if (!robots_allows(r, (trommel_str){ "/robots.txt", 11 }) || robots_delay_ms(r) > ROBOTS_DELAY_MAX_MS ||
        robots_sitemaps(r) > ROBOTS_SITEMAPS)
        abort();
    for (size_t i = 0; i < robots_sitemaps(r); i++)
        if (!robots_sitemap(r, i).n || robots_sitemap(r, i).n > LIMIT_URL_BYTES)
            abort();
    robots_free(r);
    return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *line = n ? memchr(data, '\n', n) : NULL;
    size_t head = line ? (size_t)(line - data) : n;
    trommel_str target = { (const char *)data, head };
    trommel_str body = { (const char *)data + head + (line != NULL), n - head - (line != NULL) };
    int first = answer(body, target, (trommel_str){ "Trommel/0.1", 11 });

    if (first != answer(body, target, (trommel_str){ "tROMMEL", 7 }))
        abort();
    answer(body, target, (trommel_str){ "", 0 });
    return 0;
}
