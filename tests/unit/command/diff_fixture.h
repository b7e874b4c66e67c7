/* diff_fixture: small records for the tests of comparisons. */
#ifndef DIFF_FIXTURE_H
#define DIFF_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record/record.h"

/* {v, id, url, fetched_at, n}; NULL leaves it out.  id: as text. */
static inline struct buf record_make(const char *id, const char *url, const char *fetched_at, unsigned n)
{
    struct buf b = BUF_INIT(1 << 20);

    mp_map(&b, 2 + (id != NULL) + (url != NULL) + (fetched_at != NULL));
    mp_cstr(&b, "v");
    mp_uint(&b, 1);
    if (id) {
        mp_cstr(&b, "id");
        mp_cstr(&b, id);
    }
    if (url) {
        mp_cstr(&b, "url");
        mp_cstr(&b, url);
    }
    if (fetched_at) {
        mp_cstr(&b, "fetched_at");
        mp_cstr(&b, fetched_at);
    }
    mp_cstr(&b, "n");
    mp_uint(&b, n);
    return b;
}

static inline trommel_str record_of_buf(const struct buf *b)
{
    return (trommel_str){ (const char *)b->data, b->len };
}
#endif
