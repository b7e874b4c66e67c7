/* swap_make: a change becomes a chain: the live one's configuration is edited, or the user's read again, and
 * the files that are new in it are judged and copied; see swap_own.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "chain/edit.h"
#include "chain/exec.h"
#include "chain/swap_own.h"

static void stages_of_live(const struct swap *s, struct edit_stage stages[LIMIT_STAGES], size_t *ret_n)
{
    const char *id;

    for (*ret_n = 0;
         *ret_n < LIMIT_STAGES && (id = pool_gen_stage(s->opt.pool, s->live->id, (unsigned)*ret_n));
         (*ret_n)++)
        stages[*ret_n] = (struct edit_stage){ id, pool_gen_item(s->opt.pool, s->live->id, (unsigned)*ret_n) };
}

static int edited(const struct swap *s, const struct swap_change *change, struct chain_config *ret,
                  struct err *err)
{
    struct edit_stage stages[LIMIT_STAGES];
    size_t n, item;
    int rc;

    stages_of_live(s, stages, &n);
    rc = edit_make(&s->live->chain->config, stages, n, change, ret, &item, err);
    if (!rc && item != EDIT_NO_ITEM) {
        struct chain_config one = { .items = &ret->items[item], .n_items = 1 };
        rc = chain_config_find(&one, s->opt.stage_dir, err);
    }
    return rc;
}

/* As at the start: the file, and over it what the command line had set. */
static int read_again(const struct swap *s, const struct swap_change *change, struct chain_config *ret,
                      struct err *err)
{
    const char *path = change->file ? change->file : s->opt.config_path;
    const struct chain_config *args = &s->kept.args;
    char *text;
    int rc;

    if (!path)
        return err_set(
            err, ERR_USAGE,
            "reload: this was started without a configuration file: name one to read the chain from");
    rc = chain_config_read(path, ret, err);
    for (size_t i = 0; !rc && i < args->n_sets; i++) {
        if (asprintf(&text, "%s.%s=%s", args->sets[i].stage, args->sets[i].option, args->sets[i].value) < 0)
            abort();
        rc = chain_config_set(ret, text, err);
        free(text);
    }
    return rc ? rc : chain_config_find(ret, s->opt.stage_dir, err);
}

/* The item of `c` whose copy this is; its hash then. */
static const char *sha_known(const struct swap_chain *c, const char *path)
{
    for (size_t i = 0; i < c->config.n_items; i++)
        if (c->config.items[i].path && !strcmp(c->config.items[i].path, path))
            return c->sha[i];
    return NULL;
}

static int file_unblock(const struct swap *s, const char *sha, const char *ref, struct err *err)
{
    if (!stage_store_blocked(s->store, sha))
        return 0;
    swap_say(s, LOG_WARN, "%s (%s) was blocked: %s; it is tried all the same", ref, sha,
             stage_store_blocked(s->store, sha));
    return stage_store_unblock(s->store, sha, err);
}

/* Files that are new.  Bundled stages are the program's own: who could have written them is not asked. */
static int files_take(struct swap *s, struct swap_chain *c, int despite_block, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < c->config.n_items; i++) {
        const char *ref = c->config.items[i].ref, *sha = sha_known(s->live->chain, c->config.items[i].path);
        unsigned flags =
            (chain_ref_is_path(ref) ? 0 : STAGE_STORE_ANYONE) | (despite_block ? STAGE_STORE_BLOCKED : 0);
        if (sha) {
            memcpy(c->sha[i], sha, strlen(sha) + 1);
            continue;
        }
        rc = swap_chain_take(c, i, s->store, flags, err);
        rc = rc || !despite_block ? rc : file_unblock(s, c->sha[i], ref, err);
    }
    return rc;
}

int swap_make(struct swap *s, const struct swap_change *change, struct swap_chain **ret, struct err *err)
{
    unsigned flags = s->live->chain->flags | (change->network ? POOL_GEN_NETWORK : 0);
    struct chain_config config = { 0 };
    int rc =
        change->kind == SWAP_RELOAD ? read_again(s, change, &config, err) : edited(s, change, &config, err);

    *ret = NULL;
    if (rc) {
        chain_config_release(&config);
        return rc;
    }
    *ret = swap_chain_new(&config, flags);
    if (!*ret)
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = exec_judge(&(*ret)->config, &s->live->chain->config, err);
    rc = rc ? rc : files_take(s, *ret, change->despite_block, err);
    if (rc)
        swap_chain_unref(ret);
    return rc;
}
