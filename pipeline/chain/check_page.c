/* check_page: tests over pages: bundled, twice, with longer rows, hostile, stopped; see check_inner.h. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/check_inner.h"

/* ---- pages: each bundled page once, behind the sandbox, as in a worker that serves ---- */

static void verdict_note(const struct rig *r, const struct rig_page *pg)
{
    static const char *const names[] = { "", "", "RETRY", "ERROR", "FATAL" };
    uint32_t v = r->verdict & 0xff;

    if (v == TROMMEL_FATAL)
        check_fail(r->k, "on page \"%s\": it returned FATAL for an ordinary page", pg->name);
    if (v > TROMMEL_DROP)
        check_note(r->k, "on page \"%s\" it returned %s (%s): a crawl would put an ordinary page aside",
                   pg->name, names[v], verdict_reason(r->stage, r->verdict));
}

void test_pages(struct rig *r)
{
    unsigned state = r->k->board->bring.sandbox & 0xff;
    size_t dropped = 0;

    if (state == SANDBOX_OUT_NETWORK)
        check_note(
            r->k,
            "it declares TROMMEL_F_NETWORK: it runs outside the sandbox, and only where that is allowed");
    if (bring_serve(&r->k->board->bring))
        check_fail(r->k, "%s", r->k->board->bring.text);
    rig_pages(r);
    for (size_t i = 0; i < r->n_pages; i++) {
        rig_call(r, &r->pages[i]);
        verdict_note(r, &r->pages[i]);
        dropped += (r->verdict & 0xff) == TROMMEL_DROP;
    }
    rig_close(r);
    check_say(r->k, "%zu pages %s the sandbox, every value taken, %zu dropped", r->n_pages,
              state == SANDBOX_IN ? "in" : "outside of", dropped);
}

/* ---- same: the same page gives the same, whatever came before it and whatever lies in fresh memory ---- */

void test_same(struct rig *r)
{
    rig_pages(r);
    fault.fill = 0xa5;
    mallopt(M_PERTURB, 0x5a);
    for (size_t i = 0; i < r->n_pages; i++)
        rig_again(r, &r->pages[i], "the second time");
    fault.fill = 0xff;
    mallopt(M_PERTURB, 0xff);
    for (size_t i = r->n_pages; i-- > 0;)
        rig_again(r, &r->pages[i], "after other pages, in another order");
    rig_close(r);
    if (rig_configure(r))
        check_fail(r->k, "it could be configured once, and not a second time");
    for (size_t i = 0; i < r->n_pages; i++)
        rig_again(r, &r->pages[i], "after it was closed and configured again");
    check_say(r->k, "%zu pages four times%s", r->n_pages, rig_is_pure(r) ? "" : ", though not declared pure");
}

/* ---- rows: a later host's rows are longer ---- */

enum { MORE_BYTES = 12 };

static void *rows_lengthen(const struct check *k, const void *rows, size_t n, size_t size)
{
    unsigned char *to = malloc(n * (size + MORE_BYTES) + 1);

    if (!to)
        check_fail(k, "no memory for a page");
    memset(to, 0xee, n * (size + MORE_BYTES));
    for (size_t i = 0; i < n; i++)
        memcpy(to + i * (size + MORE_BYTES), (const char *)rows + i * size, size);
    return to;
}

void test_rows(struct rig *r)
{
    rig_pages(r);
    for (size_t i = 0; i < r->n_pages; i++) {
        struct rig_page *pg = &r->pages[i];
        trommel_dom *d = &pg->parsed.dom;
        void *nodes = rows_lengthen(r->k, d->nodes, d->n_nodes, d->node_size);
        void *attrs = rows_lengthen(r->k, d->attrs, d->n_attrs, d->attr_size);

        d->node_size += MORE_BYTES;
        d->attr_size += MORE_BYTES;
        d->nodes = guard_copy(r->k, nodes, (size_t)d->n_nodes * d->node_size, GUARD_NODES);
        d->attrs = guard_copy(r->k, attrs, (size_t)d->n_attrs * d->attr_size, GUARD_ATTRS);
        free(nodes);
        free(attrs);
        rig_again(
            r, pg,
            "with rows of nodes and attributes as long as a later host's (TROMMEL_NODE and TROMMEL_ATTR "
            "know their length)");
    }
    check_say(r->k, "%zu pages with rows %d bytes longer", r->n_pages, MORE_BYTES);
}

/* ---- hostile ---- */

static void page_of_dom(struct rig *r, const struct dom_made *made, struct rig_page *pg)
{
    static const char url[] = "https://hostile.example/page";
    trommel_str u = { url, sizeof url - 1 };

    *pg = (struct rig_page){ .in = { .head = { .url = u, .status = 200 } } };
    pg->parsed = (struct parse_output){
        .kind = PARSE_HTML,
        .content_type = { "text/html", 9 },
        .charset = { "utf-8", 5 },
        .charset_how = "header",
        .text = { made->dom.strs, made->dom.n_strs },
        .base_url = u,
        .dom = made->dom,
    };
    rig_page_init(r, pg, made->name, made->traits | PAGE_HOSTILE);
}

static void slow_note(const struct rig *r, const struct rig_page *pg)
{
    if (r->call_ns / 1000000u > LIMIT_STAGE_MS && !fault.polls)
        check_note(
            r->k,
            "on page \"%s\" it took %.1f s of CPU time and never asked should_stop: a crawl ends a worker "
            "after some seconds",
            pg->name, (double)r->call_ns / 1e9);
}

void test_hostile(struct rig *r)
{
    struct dom_made made;
    size_t i;

    fault.budget = 1;
    for (i = 0; !dom_make(i, &made); i++) {
        struct rig_page pg;
        page_of_dom(r, &made, &pg);
        dom_made_release(&made);
        rig_call(r, &pg);
        slow_note(r, &pg);
        memset(pg.is_set, 0, r->chain->n_slots); /* and with nothing that it needs */
        if (r->stage->d.n_needs)
            rig_call(r, &pg);
        rig_page_release(&pg);
    }
    check_say(r->k, "%zu pages that are extreme in one way each", i);
}

/* ---- stop ---- */

/* It was told to stop: it may have been done already, but a part is no result. */
static void stopped_judge(const struct rig *r, const struct rig_page *pg)
{
    uint32_t v = r->verdict & 0xff;
    char how[400];

    if (!fault.polls_yes || r->k->unsteady || (v != TROMMEL_CONTINUE && v != TROMMEL_DROP) ||
        (r->result.len == pg->base.len && !memcmp(r->result.data, pg->base.data, r->result.len)) ||
        !rig_is_pure(r))
        return;
    check_fail(r->k,
               "on page \"%s\": should_stop said yes at its asking %llu, and it handed over a part as if it "
               "were all: %s: "
               "return TROMMEL_RETRY",
               pg->name, (unsigned long long)fault.at, say_difference(&pg->base, &r->result, how));
}

/* Returns how often it asked when it was never told to stop. */
static uint64_t stop_page(struct rig *r, struct rig_page *pg)
{
    uint64_t polls, n = 1;

    fault.mode = FAULT_COUNT;
    rig_call(r, pg);
    polls = fault.polls;
    buf_clear(&pg->base);
    buf_add(&pg->base, r->result.data, r->result.len);
    for (; n <= polls; n = r->k->opt->thorough ? n + 1 : n + 1 + n / 2) {
        fault.mode = FAULT_STOP;
        fault.at = n;
        rig_call(r, pg);
        stopped_judge(r, pg);
    }
    fault.mode = FAULT_COUNT;
    return polls;
}

void test_stop(struct rig *r)
{
    uint64_t asked = 0;
    struct dom_made made;
    struct rig_page pg;

    rig_pages(r);
    for (size_t i = 0; i < r->n_pages; i++)
        asked += stop_page(r, &r->pages[i]);
    dom_make_large(20000, &made);
    page_of_dom(r, &made, &pg);
    dom_made_release(&made);
    asked += stop_page(r, &pg);
    if (asked)
        check_say(r->k, "it asked %llu times on %zu pages, and went back when told",
                  (unsigned long long)asked, r->n_pages + 1);
    else
        check_say(r->k, "it never asks: fine for one that is always quick");
}
