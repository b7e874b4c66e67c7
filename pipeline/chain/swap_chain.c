/* swap_chain: a chain that runs, ran, or is to run; see swap_own.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "chain/swap_own.h"

struct swap_chain *swap_chain_new(struct chain_config *config, unsigned flags)
{
    struct swap_chain *c = calloc(1, sizeof *c);

    if (c)
        c->sha = calloc(config->n_items + 1, sizeof *c->sha);
    if (!c || !c->sha) {
        free(c);
        chain_config_release(config);
        return NULL;
    }
    c->refs = 1;
    c->flags = flags;
    c->config = *config;
    *config = (struct chain_config){ 0 };
    return c;
}

struct swap_chain *swap_chain_ref(struct swap_chain *c)
{
    c->refs++;
    return c;
}

void swap_chain_unref(struct swap_chain **c)
{
    if (*c && --(*c)->refs == 0) {
        chain_config_release(&(*c)->config);
        free((*c)->sha);
        free(*c);
    }
    *c = NULL;
}

int swap_chain_take(struct swap_chain *c, size_t i, struct stage_store *store, unsigned flags,
                    struct err *err)
{
    struct chain_item *item = &c->config.items[i];
    struct stage_copy copy;
    int rc = stage_store_take(store, item->path, flags, &copy, err);

    if (rc)
        return rc;
    free(item->path);
    item->path = copy.path;
    copy.path = NULL;
    memcpy(c->sha[i], copy.hash, sizeof c->sha[i]);
    stage_copy_release(&copy);
    return 0;
}

/* ---- names ---- */

static void hash_text(XXH3_state_t *h, const char *s)
{
    XXH3_128bits_update(h, s ? s : "", (s ? strlen(s) : 0) + 1);
}

void swap_chain_name(const struct swap_chain *c, char ret[STAGE_HASH_BYTES])
{
    XXH3_state_t *h = XXH3_createState();
    XXH128_canonical_t canon;

    if (!h)
        abort();
    XXH3_128bits_reset(h);
    if (c->config.is_none)
        hash_text(h, "none");
    for (size_t i = 0; i < c->config.n_items; i++) {
        hash_text(h, c->config.items[i].ref);
        hash_text(h, chain_ref_is_path(c->config.items[i].ref) ? c->sha[i] : "");
    }
    for (size_t i = 0; i < c->config.n_sets; i++) {
        const struct chain_set *s = &c->config.sets[i];
        char item[32];
        hash_text(h, s->stage);
        hash_text(h, s->option);
        hash_text(h, s->value);
        hash_text(h, s->dir);
        snprintf(item, sizeof item, "%zu", s->item);
        hash_text(h, item);
    }
    XXH128_canonicalFromHash(&canon, XXH3_128bits_digest(h));
    XXH3_freeState(h);
    for (size_t i = 0; i < sizeof canon.digest; i++)
        snprintf(ret + 2 * i, 3, "%02x", canon.digest[i]);
}
