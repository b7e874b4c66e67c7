/* dead: pages that ended in the dead letters, until they are settled; see frontier.h.
 *
 *     META  "dead/" and the id: "d" its record lies there, "s" it was settled
 *
 * A row is written in one batch with the end of its visit, so a page without one is still the crawl's
 * business. What is settled keeps its row (some thirty bytes), so that whoever marks the letters can catch up
 * after a crash. */
#include <stdlib.h>
#include <string.h>

#include "frontier/inner.h"

static const char PREFIX[] = "dead/";
enum { DEAD_KEY = sizeof PREFIX - 1 + RECORD_ID_BYTES };

static trommel_str dead_key(uint8_t key[DEAD_KEY], const uint8_t id[RECORD_ID_BYTES])
{
    memcpy(key, PREFIX, sizeof PREFIX - 1);
    memcpy(key + sizeof PREFIX - 1, id, RECORD_ID_BYTES);
    return str_bytes(key, DEAD_KEY);
}

void dead_put(struct frontier *f, const uint8_t id[RECORD_ID_BYTES])
{
    uint8_t key[DEAD_KEY];

    store_put(f->store, STORE_META, dead_key(key, id), str_c("d"));
}

int frontier_dead(struct frontier *f, const uint8_t id[RECORD_ID_BYTES])
{
    uint8_t key[DEAD_KEY];
    int rc = store_get(f->store, STORE_META, dead_key(key, id), &f->scratch);

    if (rc < 0)
        return rc;
    if (f->scratch.len != 1)
        return ERR_CORRUPT;
    return f->scratch.data[0] == 'd';
}

int frontier_settle(struct frontier *f, const uint8_t id[RECORD_ID_BYTES], trommel_str url, uint32_t depth,
                    const struct frontier_link *links, size_t n_links)
{
    uint8_t key[DEAD_KEY];
    int rc = frontier_dead(f, id);

    if (rc != 1)
        return rc;
    store_put(f->store, STORE_META, dead_key(key, id), str_c("s"));
    struct entry *from = entry_new(url, (trommel_str){ 0 });
    from->depth = depth;
    rc = links_add(f, from, links, n_links);
    free(from);
    return rc;
}
