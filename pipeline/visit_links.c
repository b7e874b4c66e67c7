/* visit_links: see visit_links.h.  The record was checked when it came, but is read as if it had not been. */
#include "visit_links.h"

#include <stdlib.h>
#include <string.h>

#include "record/record.h"

/* One link at *at, which is moved behind it. */
static int link_read(const unsigned char **at, const unsigned char *end, trommel_str *ret_url,
                     int *ret_nofollow)
{
    struct mp_value map, key, val;

    *ret_url = (trommel_str){ 0 };
    *ret_nofollow = 0;
    if (mp_read(at, end, &map) < 0 || map.type != MP_MAP)
        return ERR_INVALID;
    for (uint32_t k = 0; k < map.u.n; k++) {
        const unsigned char *value_at;
        if (mp_read(at, end, &key) < 0 || (value_at = *at, mp_skip(at, end)) < 0)
            return ERR_INVALID;
        if (key.type != MP_STR || mp_read(&value_at, end, &val) < 0)
            continue;
        if (key.len == 3 && !memcmp(key.p, "url", 3) && val.type == MP_STR)
            *ret_url = (trommel_str){ (const char *)val.p, val.len };
        else if (key.len == 8 && !memcmp(key.p, "nofollow", 8) && val.type == MP_BOOL)
            *ret_nofollow = val.u.i != 0;
    }
    return 0;
}

void links_take(struct buf *list, trommel_str record, int follow_nofollow)
{
    struct mp_value links;

    if (record_get(record.p, record.n, "links", &links) < 0 || links.type != MP_ARRAY)
        return;
    const unsigned char *at = links.p, *end = (const unsigned char *)record.p + record.n;
    for (uint32_t i = 0; i < links.u.n && i < LIMIT_LINKS; i++) {
        trommel_str url;
        int nofollow;
        if (link_read(&at, end, &url, &nofollow) < 0)
            return;
        if (!url.n || url.n > LIMIT_URL_BYTES || memchr(url.p, 0, url.n) || (nofollow && !follow_nofollow))
            continue;
        buf_add_byte(list, (unsigned)nofollow);
        buf_add(list, url.p, url.n);
        buf_add_byte(list, 0);
    }
}

struct frontier_link *links_list(const struct buf *list, size_t *ret_n)
{
    struct frontier_link *links = NULL;
    size_t n = 0, at = 0;

    if (list->len)
        links = malloc(LIMIT_LINKS * sizeof *links);
    while (links && at < list->len && n < LIMIT_LINKS) {
        const char *url = (const char *)list->data + at + 1;
        size_t len = strlen(url);
        links[n++] = (struct frontier_link){ { url, len }, list->data[at] };
        at += len + 2;
    }
    *ret_n = n;
    return links;
}
