/* bring: see bring.h. */
#include "chain/bring.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "chain/run.h"

struct bringing {
    struct bring_board *board;
    const struct chain *chain;
};

static void crumb(struct bring_board *b, uint32_t phase, uint32_t index)
{
    __atomic_store_n(&b->crumb.index, index, __ATOMIC_RELAXED);
    __atomic_store_n(&b->crumb.phase, phase, __ATOMIC_RELEASE);
}

static void at_load(void *arg, uint32_t item)
{
    crumb(arg, CRUMB_LOAD, item);
}

static void at_configure(void *arg, uint32_t stage)
{
    const struct bringing *b = arg;

    snprintf(b->board->note.stage, sizeof b->board->note.stage, "%s", b->chain->stages[stage].d.id);
    crumb(b->board, CRUMB_CONFIGURE, (uint32_t)b->chain->stages[stage].item);
}

static int told(struct bring_board *b, int rc, const struct err *err)
{
    snprintf(b->text, sizeof b->text, "%s", err->text);
    b->code = rc;
    return rc;
}

void bring_begin(struct bring_board *board)
{
    crash_install(&board->crash);
}

int bring_load(const struct chain_config *config, struct bring_board *board, int outside, struct chain **ret)
{
    struct proto_config head = { .flags = PROTO_NETWORK };
    struct err err = { 0 };
    int rc = outside ? 0 : sandbox_load(config, &head, &board->note, &board->sandbox, &err);

    *ret = rc ? NULL : chain_new();
    if (!rc && !*ret)
        rc = err_set(&err, ERR_NOMEM, "out of memory");
    rc = rc ? rc : chain_load(*ret, config, at_load, board, &err);
    crumb(board, CRUMB_START, 0);
    return told(board, rc, &err);
}

int bring_serve(struct bring_board *board)
{
    struct err err = { 0 };
    int rc = sandbox_serve(&err);

    return told(board, rc, &err);
}

int bring_up(struct chain *c, const struct chain_config *config, struct bring_board *board,
             const trommel_host *host)
{
    struct bringing b = { board, c };
    struct err err = { 0 };
    int rc;

    c->at = at_configure;
    c->at_arg = &b;
    rc = chain_options(c, config, &err);
    rc = rc ? rc : chain_link(c, &err);
    rc = rc ? rc : chain_hash(c, &err);
    rc = rc ? rc : chain_configure(c, host, &err);
    c->at = NULL;
    crumb(board, rc ? CRUMB_START : CRUMB_IDLE, 0);
    return told(board, rc, &err);
}

/* The file whose code was running, or "". */
static const char *item_path(const struct chain_config *config, uint32_t item)
{
    return item < config->n_items ? config->items[item].path : "";
}

/* " in price.so!process+0x41", if a file of the chain is to blame. */
static void say_place(const struct bring_board *board, int signal, const struct chain_config *config,
                      char out[220])
{
    const char *paths[LIMIT_STAGES];
    size_t n = config->n_items < LIMIT_STAGES ? config->n_items : LIMIT_STAGES;
    static struct crash_trace trace; /* large */

    for (size_t i = 0; i < n; i++)
        paths[i] = config->items[i].path;
    crash_read(&board->crash, signal, paths, n, n, &trace);
    out[0] = 0;
    if (trace.at < trace.n)
        snprintf(out, 220, " in %s", trace.lines[trace.at]);
}

void bring_words(const struct bring_board *board, const struct apart_end *end,
                 const struct chain_config *config, char out[1000])
{
    struct sandbox_note note;
    char place[220], how[200], act[700];

    if (end->how == APART_SIGNAL && end->signal == SIGSYS) {
        sandbox_note_read(&board->note, &note);
        sandbox_tell(&note, act, sizeof act);
        snprintf(out, 1000, "%s", strncmp(act, "it ", 3) ? act : act + 3);
        return;
    }
    say_place(board, end->how == APART_SIGNAL ? end->signal : 0, config, place);
    snprintf(out, 1000, "%s%s", apart_words(end, how), place);
}

int bring_failed(const struct bring_board *board, const struct apart_end *end,
                 const struct chain_config *config, struct err *err)
{
    struct crumb at = board->crumb;
    char how[1000];

    if (board->code)
        return err_set(err, board->code, "%.*s", (int)sizeof board->text - 1, board->text);
    if (at.phase != CRUMB_LOAD && at.phase != CRUMB_CONFIGURE)
        return 0;
    bring_words(board, end, config, how);
    return err_set(err, ERR_CRASHED, "%s: while it was being %s it %s", item_path(config, at.index),
                   at.phase == CRUMB_LOAD ? "loaded" : "configured", how);
}
