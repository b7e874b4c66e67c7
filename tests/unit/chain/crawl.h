/* crawl: a pool with real workers and pages handed to it, each of which must come back once; for the tests of
 * generations and of their changes.  Nothing sleeps: what is waited for are the pool's events, WAIT_MS at
 * most. */
#ifndef TROMMEL_TESTS_CHAIN_CRAWL_H
#define TROMMEL_TESTS_CHAIN_CRAWL_H
#include "built.h"

#include "base/clock.h"
#include "base/limits.h"
#include "chain/pool.h"

enum { CRAWL_PAGES = 6000, WAIT_MS = 300000, LOG_BYTES = 1 << 20 };

struct page {
    unsigned times, generation, record_generation;
    enum outcome outcome;
    char value[40], stage[40], reason[40];
};
struct crawl {
    struct pool *pool;
    struct page pages[CRAWL_PAGES];
    unsigned next, results; /* the number of the next page */
    char *log;
    void (*on_generation)(struct crawl *c, uint32_t generation, enum pool_gen_state state,
                          const struct err *why);
    void (*on_turn)(struct crawl *c); /* after each dispatch */
    void (*on_page)(struct crawl *c, const struct pool_page *page);
    void *more;
};

static inline void text_copy(char *to, size_t n, trommel_str s)
{
    snprintf(to, n, "%.*s", (int)s.n, s.n ? s.p : "");
}

static inline void crawl_result(void *arg, void *user, const struct pool_result *r)
{
    struct crawl *c = arg;
    struct page *p = &c->pages[(uintptr_t)user];
    struct mp_value v;

    c->results++;
    p->times++;
    p->outcome = r->outcome;
    p->generation = r->generation;
    if (!record_get(r->record.p, r->record.n, "chain.generation", &v))
        p->record_generation = (unsigned)v.u.i;
    text_copy(p->value, sizeof p->value, record_get_str(r->record.p, r->record.n, "x.marked.value"));
    text_copy(p->stage, sizeof p->stage, r->stage);
    text_copy(p->reason, sizeof p->reason, r->reason);
}

static inline void crawl_log(void *arg, int level, const char *line)
{
    struct crawl *c = arg;

    if (getenv("CRAWL_LOG"))
        fprintf(stderr, "%d %s\n", level, line);
    if (strlen(c->log) + strlen(line) + 2 < LOG_BYTES)
        strcat(strcat(c->log, line), "\n");
}

static inline void crawl_generation(void *arg, uint32_t generation, enum pool_gen_state state,
                                    const struct err *why)
{
    struct crawl *c = arg;

    if (c->on_generation)
        c->on_generation(c, generation, state, why);
}

static inline struct pool_options crawl_options(struct crawl *c, unsigned workers, const char *worker)
{
    return (struct pool_options){ .workers = workers,
                                  .worker_path = worker,
                                  .page_ms = 4000,
                                  .stage_ms = 600,
                                  .worker_bytes = 1u << 30,
                                  .on_result = crawl_result,
                                  .on_log = crawl_log,
                                  .on_generation = crawl_generation,
                                  .arg = c };
}

/* A chain of these files (of the build folder, or absolute; NULL at the end), and "stage.option=value"s. */
static inline struct chain_config crawl_chain(const char *const *files, const char *const *sets)
{
    struct chain_config c = { 0 };
    struct err err = { 0 };

    c.items = calloc(16, sizeof *c.items);
    for (; files[c.n_items]; c.n_items++)
        c.items[c.n_items].ref =
            files[c.n_items][0] == '/' ? strdup(files[c.n_items]) : built(files[c.n_items]);
    for (; sets && *sets; sets++)
        assert_int_equal(chain_config_set(&c, *sets, &err), 0);
    if (chain_config_find(&c, "/nonexistent", &err))
        fail_msg("%s", err.text);
    return c;
}

/* Without a pool. */
static inline struct crawl *crawl_make(void)
{
    struct crawl *c = calloc(1, sizeof *c);

    c->log = calloc(1, LOG_BYTES);
    return c;
}

static inline struct crawl *crawl_new(unsigned workers, const char *const *files, const char *const *sets)
{
    struct crawl *c = crawl_make();
    char *worker = built("trommel-worker");
    struct pool_options opt = crawl_options(c, workers, worker);
    struct chain_config config = crawl_chain(files, sets);
    struct err err = { 0 };

    if (pool_open(&opt, &config, &c->pool, &err))
        fail_msg("%s", err.text);
    free(worker);
    return c;
}

static inline void crawl_free(struct crawl *c)
{
    pool_close(c->pool);
    free(c->log);
    free(c);
}

/* Page `i`; its URL holds the mark. */
static inline struct pool_page crawl_page(unsigned i, const char *mark, char url[100])
{
    static const char html[] = "<html><head><title>A page</title></head><body><p>Its text</p></body></html>";
    struct pool_page page = { .head = { .status = 200, .fetched_ms = 1764000000000 },
                              .content_type = { "text/html; charset=utf-8", 24 },
                              .body = { html, sizeof html - 1 } };

    page.head.url = page.head.final_url =
        (trommel_str){ url, (size_t)snprintf(url, 100, "http://crawl.test/%u/%s", i, mark) };
    memcpy(page.head.id, &i, sizeof i);
    return page;
}

static inline void crawl_turn_ms(struct crawl *c, int ms)
{
    struct err err = { 0 };

    if (pool_dispatch(c->pool, ms, &err) < 0)
        fail_msg("%s\n%s", err.text, c->log);
    if (c->on_turn)
        c->on_turn(c);
}

static inline void crawl_turn(struct crawl *c)
{
    crawl_turn_ms(c, 20);
}

/* Hands the next page in, waits for room; its number. */
static inline unsigned crawl_put(struct crawl *c, const char *mark)
{
    unsigned i = c->next++;
    char url[100];
    struct pool_page page = crawl_page(i, mark, url);
    uint64_t until = clock_mono_ms() + WAIT_MS;
    int rc;

    assert_true(i < CRAWL_PAGES);
    while ((rc = pool_submit(c->pool, &page, (void *)(uintptr_t)i)) == ERR_FULL && clock_mono_ms() < until)
        crawl_turn(c);
    assert_int_equal(rc, 0);
    if (c->on_page)
        c->on_page(c, &page);
    return i;
}

static inline void crawl_puts(struct crawl *c, unsigned n, const char *mark)
{
    while (n--)
        crawl_put(c, mark);
}

/* Every page is back, once, and its record says the generation that it ran in. */
static inline void crawl_drain(struct crawl *c)
{
    uint64_t until = clock_mono_ms() + WAIT_MS;

    while (c->results < c->next) {
        if (clock_mono_ms() > until)
            fail_msg("%u of %u pages are missing\n%s", c->next - c->results, c->next, c->log);
        crawl_turn(c);
    }
    for (unsigned i = 0; i < c->next; i++)
        if (c->pages[i].times != 1 || c->pages[i].generation != c->pages[i].record_generation)
            fail_msg("page %u came %u times, in generation %u, its record says %u", i, c->pages[i].times,
                     c->pages[i].generation, c->pages[i].record_generation);
}

/* Turns until `is` says so. */
static inline void crawl_until(struct crawl *c, int (*is)(struct crawl *c), const char *what)
{
    uint64_t until = clock_mono_ms() + WAIT_MS;

    while (!is(c)) {
        if (clock_mono_ms() > until)
            fail_msg("never came: %s\n%s", what, c->log);
        crawl_turn(c);
    }
}
#endif
