/* chain_call: the chain called in this process, page by page: what all that stands around it is measured
 * against. */
#ifndef TROMMEL_BENCH_CHAIN_CALL_H
#define TROMMEL_BENCH_CHAIN_CALL_H
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "chain/chain.h"
#include "chain/pool.h"
#include "chain/run.h"

static inline void bench_fail(const char *text)
{
    fprintf(stderr, "bench: %s\n", text);
    _exit(3);
}

static inline void bench_config(const char *path, struct chain_config *ret)
{
    struct err err = { 0 };

    if ((path ? chain_config_read(path, ret, &err) : chain_config_default(ret, &err)) ||
        chain_config_find(ret, NULL, &err))
        bench_fail(err.text);
}

/* The i-th page of a run that may go over the pages more than once. */
static inline void bench_pool_page(const struct bench_pages *pages, size_t i, struct pool_page *ret)
{
    const struct bench_page *page = &pages->at[i % pages->n];

    *ret = (struct pool_page){ .head = { .status = 200, .fetched_ms = 1764000000000, .bytes = page->n },
                               .content_type = { "text/html; charset=utf-8", 24 },
                               .body = { page->data, page->n } };
    memcpy(ret->head.id, &i, sizeof i);
}

struct bench_chain {
    struct chain *chain;
    struct chain_config config;
    struct crumb crumb;
    struct run run;
};

/* Loads the chain (config NULL: the default one), with memory kept as the workers keep it. */
static inline void bench_chain_open(struct bench_chain *c, const char *config)
{
    struct err err = { 0 };

    *c = (struct bench_chain){ .chain = chain_new() };
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    mallopt(M_TOP_PAD, 16 << 20);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    bench_config(config, &c->config);
    if (!c->chain || chain_load(c->chain, &c->config, NULL, NULL, &err) ||
        chain_options(c->chain, &c->config, &err) || chain_link(c->chain, &err) ||
        chain_hash(c->chain, &err) || chain_configure(c->chain, &run_host, &err))
        bench_fail(err.text);
    if (run_init(&c->run, c->chain, &c->crumb, LIMIT_PAGE_MS, LIMIT_STAGE_MS, 1))
        bench_fail("out of memory");
}

static inline void bench_chain_page(struct bench_chain *c, const struct pool_page *page)
{
    struct run_result res;

    if (run_page(&c->run, page, &res) || !res.record.n)
        bench_fail("a page has no record");
}

static inline void bench_chain_close(struct bench_chain *c)
{
    run_release(&c->run);
    chain_free(c->chain);
    chain_config_release(&c->config);
}

/* The chain over all pages, `repeats` times. */
static inline void bench_chain_call(const struct bench_pages *pages, const char *config, int repeats)
{
    struct bench_chain c;

    bench_chain_open(&c, config);
    for (size_t i = 0; i < pages->n * (size_t)repeats; i++) {
        struct pool_page page;
        bench_pool_page(pages, i, &page);
        bench_chain_page(&c, &page);
    }
    bench_chain_close(&c);
}
#endif
