/* Stages from tables in memory: what is refused, how ports are linked, and one page's run through them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "chain/run.h"

/* What the fake stage does on this page. */
static uint32_t (*act)(const trommel_host *, trommel_ctx *, trommel_page *);
static uint32_t (*act2)(const trommel_host *, trommel_ctx *, trommel_page *);

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self;
    return act ? act(&run_host, ctx, page) : TROMMEL_CONTINUE;
}

static uint32_t process2(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self;
    return act2 ? act2(&run_host, ctx, page) : TROMMEL_CONTINUE;
}

enum {
    P_TITLE,
    P_TEXT,
    P_WORDS,
    P_SCORE,
    P_FLAG,
    P_TAGS,
    P_NODES,
    P_KINDS,
    P_LIST,
    P_WEIGHTS,
    P_DEEP,
    P_SKETCH
};
static const trommel_port ports[] = {
    [P_TITLE] = { "meta.title", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    [P_TEXT] = { "content.text", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    [P_WORDS] = { "content.words", TROMMEL_T_I64, TROMMEL_PORT_RECORD },
    [P_SCORE] = { "layout.confidence", TROMMEL_T_F64, TROMMEL_PORT_RECORD },
    [P_FLAG] = { "layout.flag", TROMMEL_T_BOOL, TROMMEL_PORT_RECORD },
    [P_TAGS] = { "meta.tags", TROMMEL_T_MSGPACK, TROMMEL_PORT_RECORD },
    [P_NODES] = { "content.nodes", TROMMEL_T_NODE_U8, 0 },
    [P_KINDS] = { "links.kind", TROMMEL_T_NODE_U8, 0 },
    [P_LIST] = { "a.list", TROMMEL_T_NODES, 0 },
    [P_WEIGHTS] = { "a.weights", TROMMEL_T_NODE_F32, 0 },
    [P_DEEP] = { "meta.source.title.how", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    [P_SKETCH] = { "dedupe.sketch", TROMMEL_T_BYTES, 0 },
};
static const trommel_port needs2[] = {
    { "meta.title", TROMMEL_T_STR, 0 },
    { "nobody.gives", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
};
static const char *const reasons[] = { "first_reason", "second_reason" };
static const trommel_stage giver = {
    TROMMEL_STAGE_HEAD,        .id = "org.test.giver", .version = "1.2",
    .flags = TROMMEL_F_EXTRAS, .provides = ports,      .n_provides = TROMMEL_COUNT(ports),
    .reasons = reasons,        .n_reasons = 2,         .process = process,
};
static const trommel_stage taker = {
    TROMMEL_STAGE_HEAD,  .id = "taker", .version = "2", .needs = needs2, .n_needs = TROMMEL_COUNT(needs2),
    .process = process2,
};

/* ---- linking ---- */

static int link_of(const trommel_stage *a, const trommel_stage *b, struct err *err)
{
    struct chain *c = chain_new();
    int rc = a ? chain_add(c, a, NULL, 0, err) : 0;

    rc = rc || !b ? rc : chain_add(c, b, NULL, 1, err);
    rc = rc ? rc : chain_link(c, err);
    chain_free(c);
    return rc;
}

static void refuse(const trommel_stage *a, const trommel_stage *b, const char *part, const char *part2)
{
    struct err err = { 0 };

    if (!link_of(a, b, &err) || !strstr(err.text, part) || !strstr(err.text, part2))
        fail_msg("wanted `%s` and `%s`: %s", part, part2, err.text);
}

static void a_wrong_order_is_linked(void **state)
{
    const trommel_port as_i64[] = { { "meta.title", TROMMEL_T_I64, 0 } };
    const trommel_port own[] = { { "meta.url", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
                                 { "outcome.code", TROMMEL_T_STR, 1u << 1 } };
    const trommel_port nodes[] = { { "meta.nodes", TROMMEL_T_NODES, TROMMEL_PORT_RECORD } };
    const trommel_port text[] = { { "content.text", TROMMEL_T_I64, 0 } };
    const trommel_port parent[] = { { "meta", TROMMEL_T_MSGPACK, TROMMEL_PORT_RECORD } };
    const trommel_port deep[] = { { "a.b.c.d.e", TROMMEL_T_STR, TROMMEL_PORT_RECORD } };
    trommel_stage other = taker;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(link_of(&giver, &taker, &err), 0);
    assert_int_equal(link_of(NULL, NULL, &err), 0);
    refuse(&taker, &giver, "`taker` needs `meta.title`, provided by `org.test.giver`, which comes later",
           "move `org.test.giver` before `taker`");
    refuse(&taker, NULL, "no stage of the chain provides", "`meta.title`");
    refuse(&giver, &giver, "`org.test.giver` is in the chain already", "take one out");
    other.n_needs = 1;
    other.needs = as_i64;
    refuse(&giver, &other, "`taker` needs `meta.title` as I64", "provides it as STR");
    other.n_needs = 0;
    other.n_provides = 1;
    other.provides = ports;
    refuse(&giver, &other, "both provide `meta.title`", "take one of them out");
    other.provides = own;
    other.n_provides = 2;
    refuse(&other, NULL, "`outcome.code`, which is the host's own", "x.taker");
    other.n_provides = 1;
    other.provides = nodes;
    refuse(&other, NULL, "`meta.nodes` as NODES", "TROMMEL_PORT_RECORD");
    other.provides = text;
    refuse(&other, NULL, "`content.text` as I64", "STR");
    other.provides = parent;
    refuse(&giver, &other, "`meta`", "lies in it");
    other.provides = deep;
    refuse(&other, NULL, "a.b.c.d.e", "4 parts");
}

static void a_table_that_lies_is_taken(void **state)
{
    const trommel_port bad_name[] = { { "Meta.Title", TROMMEL_T_STR, 0 } }, bad_type[] = { { "a", 99, 0 } };
    const char *const bad_reason[] = { "no spaces please" };
    const trommel_opt bad_dflt[] = { { .key = "n", .type = TROMMEL_T_I64, .dflt = "many" } };
    const trommel_opt twice[] = { { .key = "n", .type = TROMMEL_T_I64 },
                                  { .key = "n", .type = TROMMEL_T_I64 } };
    trommel_stage s;

    (void)state;
#define TABLE(change, a, b)                                                                                  \
    s = taker;                                                                                               \
    s.n_needs = 0;                                                                                           \
    change;                                                                                                  \
    refuse(&s, NULL, a, b)
    TABLE(s.struct_size = 16, "struct_size is 16", "TROMMEL_STAGE_HEAD");
    TABLE(s.abi_major = 2, "abi_major is 2", "is 1");
    TABLE(s.min_host_minor = 3, "min_host_minor is 3", "is 0");
    TABLE(s.id = NULL, "id is", "(NULL)");
    TABLE(s.id = "Big", "id is `Big`", "a-z");
    TABLE(s.id = ".x", "id is `.x`", "a-z");
    TABLE(s.id = "", "id is ``", "a-z");
    TABLE(s.process = NULL, "process is NULL", "taker");
    TABLE(s.n_needs = 300, "n_needs is 300", "256");
    TABLE((s.n_needs = 1, s.needs = NULL), "needs is NULL", "n_needs is 1");
    TABLE((s.n_needs = 1, s.port_size = 8), "needs rows are 8 bytes", "TROMMEL_STAGE_HEAD");
    TABLE((s.n_provides = 1, s.provides = bad_name), "Meta.Title", "a-z");
    TABLE((s.n_provides = 1, s.provides = bad_type), "type 99", "`a`");
    TABLE((s.n_reasons = 1, s.reasons = bad_reason), "no spaces please", "reasons[0]");
    TABLE((s.n_opts = 1, s.opts = bad_dflt), "its own default is wrong", "`n`");
    TABLE((s.n_opts = 2, s.opts = twice), "twice", "`n`");
}

/* ---- options ---- */

static const trommel_opt opts[] = {
    { .key = "n", .type = TROMMEL_T_I64, .dflt = "3", .min = 1, .max = 9 },
    { .key = "file", .type = TROMMEL_T_STR, .flags = TROMMEL_OPT_PATH },
    { .key = "must", .type = TROMMEL_T_STR, .flags = TROMMEL_OPT_REQUIRED, .help = "What must be given." },
};
static trommel_val seen_n, seen_file;
static int32_t seen_absent;

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **self)
{
    (void)self;
    h->opt(ctx, 0, &seen_n);
    seen_absent = h->opt(ctx, 1, &seen_file);
    return h->opt(ctx, 99, &seen_n) == TROMMEL_E_INVALID ? TROMMEL_OK : TROMMEL_E_FAIL;
}

static struct chain *optioned(const char *const *sets, struct chain_config *config, int *rc, struct err *err)
{
    trommel_stage s = taker;
    struct chain *c = chain_new();

    s.n_needs = 0;
    s.n_opts = TROMMEL_COUNT(opts);
    s.opts = opts;
    s.configure = configure;
    *config = (struct chain_config){ 0 };
    for (; *sets; sets++)
        assert_int_equal(chain_config_set(config, *sets, err), 0);
    assert_int_equal(chain_add(c, &s, NULL, 0, err), 0);
    *rc = chain_options(c, config, err);
    return c;
}

static void options_are_given_wrongly(void **state)
{
    const char *const sets[] = { "taker.n=4", "taker.n=5", "taker.must=x", "taker.file=f", NULL };
    struct chain_config config;
    struct err err = { 0 };
    char hash[33];
    int rc;
    struct chain *c = optioned(sets, &config, &rc, &err);

    (void)state;
    assert_int_equal(rc, 0);
    assert_int_equal(chain_link(c, &err), 0);
    assert_int_equal(chain_hash(c, &err), 0);
    memcpy(hash, c->hash, sizeof hash);
    assert_int_equal(chain_configure(c, &run_host, &err), 0);
    assert_int_equal(seen_n.u.i, 5);
    assert_int_equal(seen_absent, 0);
    assert_memory_equal(seen_file.u.p, "f", 1);
    chain_free(c);
    config.sets[3].dir = strdup("/etc/x");
    c = chain_new();
    chain_config_release(&config);
    chain_free(c);
    c = optioned(sets + 1, &config, &rc, &err);
    assert_int_equal(chain_hash(c, &err), 0);
    assert_string_equal(hash, c->hash); /* only what counts in the end counts */
    chain_free(c);
    chain_config_release(&config);
    c = optioned((const char *const[]){ "taker.n=6", "taker.must=x", NULL }, &config, &rc, &err);
    assert_int_equal(chain_hash(c, &err), 0);
    assert_string_not_equal(hash, c->hash);
    chain_free(c);
    chain_config_release(&config);
}

/* An option kept from a stage that was replaced: taken where there is one, else left out; a wrong value is an
 * error all the same. */
static void a_kept_option_stops_the_chain(void **state)
{
    static const struct {
        const char *set;
        int rc;
    } rows[] = { { "taker.n=4", 0 }, { "taker.nn=4", 0 }, { "maker.n=4", 0 }, { "taker.n=10", ERR_USAGE } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chain_config config;
        struct err err = { 0 };
        int rc;
        struct chain *c =
            optioned((const char *const[]){ rows[i].set, "taker.must=x", NULL }, &config, &rc, &err);
        config.sets[0].soft = 1;
        rc = chain_options(c, &config, &err);
        assert_int_equal(rc, rows[i].rc);
        if (!rc)
            assert_int_equal(c->stages[0].values[0].val.u.i, i ? 3 : 4);
        chain_free(c);
        chain_config_release(&config);
    }
}

static void a_wrong_option_passes(void **state)
{
    static const struct {
        const char *set, *part, *part2;
    } rows[] = {
        { "taker.n=10", "`taker`", "from 1 to 9" },
        { "taker.nn=1", "no option `nn`", "n, file, must" },
        { "maker.n=1", "no stage `maker`", "there: taker" },
        { "taker.n=1", "`must` must be given", "--set taker.must=VALUE" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chain_config config;
        struct err err = { 0 };
        int rc;
        struct chain *c = optioned((const char *const[]){ rows[i].set, NULL }, &config, &rc, &err);
        assert_int_equal(rc, ERR_USAGE);
        if (!strstr(err.text, rows[i].part) || !strstr(err.text, rows[i].part2))
            fail_msg("%s", err.text);
        chain_free(c);
        chain_config_release(&config);
    }
}

/* ---- one page ---- */

static struct run run;
static struct chain *chain;
static struct crumb crumb;
static struct run_result res;
static struct pool_page in;

static int setup(void **state)
{
    struct err err = { 0 };

    (void)state;
    chain = chain_new();
    assert_int_equal(chain_add(chain, &giver, NULL, 0, &err), 0);
    assert_int_equal(chain_add(chain, &taker, NULL, 1, &err), 0);
    assert_int_equal(chain_link(chain, &err), 0);
    assert_int_equal(chain_hash(chain, &err), 0);
    assert_int_equal(chain_configure(chain, &run_host, &err), 0);
    assert_int_equal(run_init(&run, chain, &crumb, 200, 100, 1), 0);
    act = act2 = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    run_release(&run);
    chain_free(chain);
    return 0;
}

static void answer_run(uint16_t status, const char *html)
{
    struct err err = { 0 };

    in = (struct pool_page){ .body = { html, strlen(html) },
                             .content_type = { "text/html; charset=utf-8", 24 },
                             .headers = { "Server: x\r\nX-Two:  two words \r\n", 30 } };
    in.head.url = in.head.final_url = (trommel_str){ "http://t.test/dir/page", 22 };
    in.head.status = status;
    in.head.fetched_ms = 1764000000000;
    assert_int_equal(run_page(&run, &in, &res), 0);
    if (record_check(res.record.p, res.record.n, &err))
        fail_msg("%s", err.text);
}

static void page_run(const char *html)
{
    answer_run(200, html);
}

static const char *json(void)
{
    static struct buf b = BUF_INIT(64 << 20);

    buf_clear(&b);
    assert_int_equal(record_json(res.record.p, res.record.n, &b), 0);
    return buf_cstr(&b);
}

static void has(const char *part)
{
    if (!strstr(json(), part))
        fail_msg("no %s in %s", part, json());
}

static void has_not(const char *part)
{
    if (strstr(json(), part))
        fail_msg("%s in %s", part, json());
}

#define VAL_STR(s) ((trommel_val){ .type = TROMMEL_T_STR, .n = strlen(s), .u.p = (s) })

static uint32_t puts_all(const trommel_host *h, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = h->dom(page);
    uint8_t *u8 = h->alloc(page, dom->n_nodes, 1);
    float *f32 = h->alloc(page, dom->n_nodes * sizeof *f32, 4);
    uint32_t list[] = { 0, dom->n_nodes - 1 };
    const unsigned char tags[] = { 0x92, 0xa1, 'x', 0xa1, 'y' };
    trommel_val v;

    (void)ctx;
    memset(u8, 1, dom->n_nodes);
    memset(f32, 0, dom->n_nodes * sizeof *f32);
#define PUT(port, want, ...)                                                                                 \
    v = (trommel_val){ __VA_ARGS__ };                                                                        \
    assert_int_equal(h->put(page, port, &v), want)
    PUT(P_TITLE, TROMMEL_OK, .type = TROMMEL_T_STR, .n = 3, .u.p = "old");
    PUT(P_TITLE, TROMMEL_OK, .type = TROMMEL_T_STR, .n = 3, .u.p = "new");
    PUT(P_TEXT, TROMMEL_OK, .type = TROMMEL_T_STR, .n = 2, .u.p = "\xc3\xa4");
    PUT(P_WORDS, TROMMEL_OK, .type = TROMMEL_T_I64, .u.i = -7);
    PUT(P_SCORE, TROMMEL_OK, .type = TROMMEL_T_F64, .u.d = 0.5);
    PUT(P_FLAG, TROMMEL_OK, .type = TROMMEL_T_BOOL, .u.i = 1);
    PUT(P_TAGS, TROMMEL_OK, .type = TROMMEL_T_MSGPACK, .n = sizeof tags, .u.p = tags);
    PUT(P_NODES, TROMMEL_OK, .type = TROMMEL_T_NODE_U8, .n = dom->n_nodes, .u.p = u8);
    PUT(P_KINDS, TROMMEL_OK, .type = TROMMEL_T_NODE_U8, .n = dom->n_nodes, .u.p = u8);
    PUT(P_LIST, TROMMEL_OK, .type = TROMMEL_T_NODES, .n = 2, .u.p = list);
    PUT(P_WEIGHTS, TROMMEL_OK, .type = TROMMEL_T_NODE_F32, .n = dom->n_nodes, .u.p = f32);
    PUT(P_DEEP, TROMMEL_OK, .type = TROMMEL_T_STR, .n = 4, .u.p = "json");
    PUT(P_SKETCH, TROMMEL_OK, .type = TROMMEL_T_BYTES, .n = 2, .u.p = "\0\1");
    v = VAL_STR("extra");
    assert_int_equal(h->put_extra(page, (trommel_str){ "key", 3 }, &v), TROMMEL_OK);
    v = (trommel_val){ .type = TROMMEL_T_I64, .u.i = 9 };
    assert_int_equal(h->put_extra(page, (trommel_str){ "key", 3 }, &v), TROMMEL_OK);
    return TROMMEL_CONTINUE;
}

static uint32_t takes(const trommel_host *h, trommel_ctx *ctx, trommel_page *page)
{
    trommel_val v = { 0 };

    (void)ctx;
    assert_int_equal(h->get(page, 0, &v), TROMMEL_OK);
    assert_memory_equal(v.u.p, "new", 3);
    assert_int_equal(h->get(page, 1, &v), TROMMEL_E_ABSENT);
    assert_int_equal(h->get(page, 2, &v), TROMMEL_E_INVALID);
    assert_int_equal(h->put_extra(page, (trommel_str){ "key", 3 }, &v), TROMMEL_E_INVALID); /* no F_EXTRAS */
    return TROMMEL_CONTINUE;
}

static void values_are_lost(void **state)
{
    (void)state;
    act = puts_all;
    act2 = takes;
    page_run("<title>t</title><p>x<a href='/a'>b</a>");
    assert_int_equal(res.outcome, OUTCOME_OK);
    has("\"layout\":{\"confidence\":0.5,\"flag\":true}");
    has("\"content\":{\"text\":\"ä\",\"words\":-7}");
    has("\"meta\":{\"title\":\"new\",\"tags\":[\"x\",\"y\"],\"source\":{\"title\":{\"how\":\"json\"}}}");
    has("\"x\":{\"org.test.giver\":{\"key\":9}}");
    has("\"kind\":\"content\"");
    has("\"generation\":1");
    has("{\"id\":\"org.test.giver\",\"version\":\"1.2\",\"us\":");
    has_not("sketch");
    has_not("error");
    assert_int_equal(res.sketch.n, 2);
    assert_memory_equal(res.sketch.p, "\0\1", 2);
    page_run("<title>t</title><p>x"); /* nothing stays from the page before */
    act = act2 = NULL;
    page_run("<p>x");
    has_not("meta");
    has_not("\"x\"");
    assert_int_equal(res.outcome, OUTCOME_NO_CONTENT);
    has("no_text");
}

static uint32_t puts_wrong(const trommel_host *h, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = h->dom(page);
    const uint32_t outside[] = { dom->n_nodes };
    static unsigned char deep[40], big[LIMIT_EXTRA_BYTES];
    trommel_val v;
    trommel_str s;

    (void)ctx;
    memset(deep, 0x91, sizeof deep - 1);
    PUT(99, TROMMEL_E_INVALID, .type = TROMMEL_T_STR);
    PUT(P_TITLE, TROMMEL_E_TYPE, .type = TROMMEL_T_I64);
    PUT(P_TITLE, TROMMEL_E_TYPE, .type = TROMMEL_T_NIL);
    PUT(P_TITLE, TROMMEL_E_INVALID, .type = TROMMEL_T_STR, .n = 2, .u.p = "\xc3(");
    PUT(P_TITLE, TROMMEL_E_INVALID, .type = TROMMEL_T_STR, .n = 3, .u.p = "\xed\xa0\x80");
    PUT(P_TITLE, TROMMEL_E_INVALID, .type = TROMMEL_T_STR, .n = 3, .u.p = NULL);
    PUT(P_TITLE, TROMMEL_E_LIMIT, .type = TROMMEL_T_STR, .n = UINT64_MAX, .u.p = "x");
    PUT(P_SCORE, TROMMEL_E_INVALID, .type = TROMMEL_T_F64, .u.d = __builtin_nan(""));
    PUT(P_FLAG, TROMMEL_E_INVALID, .type = TROMMEL_T_BOOL, .u.i = 2);
    PUT(P_TAGS, TROMMEL_E_INVALID, .type = TROMMEL_T_MSGPACK, .n = 1, .u.p = "\x92");
    PUT(P_TAGS, TROMMEL_E_INVALID, .type = TROMMEL_T_MSGPACK, .n = 2, .u.p = "\xc0\xc0");
    PUT(P_TAGS, TROMMEL_E_INVALID, .type = TROMMEL_T_MSGPACK, .n = 0, .u.p = "");
    PUT(P_TAGS, TROMMEL_E_INVALID, .type = TROMMEL_T_MSGPACK, .n = sizeof deep, .u.p = deep);
    PUT(P_NODES, TROMMEL_E_INVALID, .type = TROMMEL_T_NODE_U8, .n = dom->n_nodes + 1, .u.p = deep);
    PUT(P_LIST, TROMMEL_E_INVALID, .type = TROMMEL_T_NODES, .n = 1, .u.p = outside);
    PUT(P_LIST, TROMMEL_E_LIMIT, .type = TROMMEL_T_NODES, .n = dom->n_nodes + 1, .u.p = outside);
    PUT(P_SKETCH, TROMMEL_E_LIMIT, .type = TROMMEL_T_BYTES, .n = PROTO_SKETCH_MAX + 1, .u.p = big);
    v = (trommel_val){ .type = TROMMEL_T_BYTES, .n = sizeof big, .u.p = big };
    assert_int_equal(h->put_extra(page, (trommel_str){ "k", 1 }, &v), TROMMEL_E_LIMIT);
    v.n = sizeof big / 2;
    assert_int_equal(h->put_extra(page, (trommel_str){ "k", 1 }, &v), TROMMEL_OK);
    assert_int_equal(h->put_extra(page, (trommel_str){ "l", 1 }, &v), TROMMEL_E_LIMIT);
    v = VAL_STR("x");
    assert_int_equal(h->put_extra(page, (trommel_str){ "", 0 }, &v), TROMMEL_E_INVALID);
    assert_int_equal(h->put_extra(page, (trommel_str){ "\xff", 1 }, &v), TROMMEL_E_INVALID);
    assert_int_equal(h->put_extra(page, (trommel_str){ (char *)big, 65 }, &v), TROMMEL_E_INVALID);
    assert_null(h->alloc(page, 8, 3));
    assert_null(h->alloc(page, 8, 128));
    assert_null(h->alloc(page, SIZE_MAX, 8));
    assert_null(h->service(ctx, "trommel.none/1"));
    assert_int_equal(h->meta(page, 99, (trommel_str){ 0 }, &s), TROMMEL_E_INVALID);
    return TROMMEL_CONTINUE;
}

static void wrong_values_are_taken(void **state)
{
    (void)state;
    act = puts_wrong;
    page_run("<p>x");
    has_not("meta");
    assert_int_equal(res.outcome, OUTCOME_NO_CONTENT);
}

static uint32_t asks_meta(const trommel_host *h, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_url_service *url = h->service(ctx, TROMMEL_SERVICE_URL);
    trommel_str s;

#define META(what, k, want)                                                                                  \
    assert_int_equal(h->meta(page, what, (trommel_str){ k, strlen(k) }, &s), TROMMEL_OK);                    \
    if (s.n != strlen(want) || memcmp(s.p, want, s.n))                                                       \
    fail_msg("%s: %.*s", #what, (int)s.n, s.p)
    META(TROMMEL_META_URL, "", "http://t.test/dir/page");
    META(TROMMEL_META_BASE_URL, "", "http://t.test/other/");
    META(TROMMEL_META_STATUS, "", "200");
    META(TROMMEL_META_CONTENT_TYPE, "", "text/html");
    META(TROMMEL_META_CHARSET, "", "utf-8");
    META(TROMMEL_META_HEADER, "x-two", "two words");
    META(TROMMEL_META_ID, "", "00000000000000000000000000000000");
    META(TROMMEL_META_FETCHED_AT, "", "2025-11-24T16:00:00.000Z");
    assert_int_equal(h->meta(page, TROMMEL_META_HEADER, (trommel_str){ "none", 4 }, &s), TROMMEL_E_ABSENT);
    assert_int_equal(url->resolve(page, (trommel_str){ "../x?y#z", 8 }, &s), TROMMEL_OK);
    if (s.n != 17 || memcmp(s.p, "http://t.test/x?y", 17))
        fail_msg("%.*s", (int)s.n, s.p);
    assert_int_equal(url->resolve(page, (trommel_str){ "mailto:a@b", 10 }, &s), TROMMEL_E_INVALID);
    return TROMMEL_CONTINUE;
}

static void the_page_is_described_wrongly(void **state)
{
    (void)state;
    act = asks_meta;
    page_run("<base href='/other/'><p>x");
}

static uint32_t verdict;

static uint32_t puts_then(const trommel_host *h, trommel_ctx *ctx, trommel_page *page)
{
    trommel_val v = VAL_STR("put");

    h->put(page, P_TITLE, &v);
    h->put(page, P_TEXT, &v);
    h->put_extra(page, (trommel_str){ "k", 1 }, &v);
    if (verdict != TROMMEL_CONTINUE)
        (h->fail)(ctx, 1, "the \xff detail", 12);
    return verdict;
}

static uint32_t must_not_run(const trommel_host *h, trommel_ctx *ctx, trommel_page *page)
{
    (void)h, (void)ctx, (void)page;
    fail_msg("the chain went on");
    return TROMMEL_CONTINUE;
}

static void a_verdict_has_no_effect(void **state)
{
    (void)state;
    act = puts_then;
    act2 = must_not_run;
    verdict = TROMMEL_VERDICT(TROMMEL_DROP, 1);
    page_run("<p>x<a href=/y>z</a>");
    assert_int_equal(res.outcome, OUTCOME_DROPPED);
    has("\"outcome\":{\"code\":\"dropped\",\"reason\":\"second_reason\"}");
    has("\"title\":\"put\"");
    has("http://t.test/y");
    has_not("taker");
    verdict = TROMMEL_VERDICT(TROMMEL_ERROR, 1);
    page_run("<p>x<a href=/y>z</a>");
    assert_int_equal(res.outcome, OUTCOME_QUARANTINED);
    has("\"error\":{\"stage\":\"org.test.giver\",\"reason\":\"second_reason\",\"message\":\"the ? detail\"");
    has_not("\"put\"");
    has("http://t.test/y");
    verdict = TROMMEL_RETRY;
    page_run("<p>x");
    assert_int_equal(res.retry, 1);
    has_not("\"put\"");
    verdict = TROMMEL_FATAL;
    page_run("<p>x");
    assert_int_equal(res.fatal, 1);
    assert_int_equal(res.outcome, OUTCOME_QUARANTINED);
    verdict = TROMMEL_VERDICT(TROMMEL_DROP, 2);
    page_run("<p>x");
    assert_int_equal(res.outcome, OUTCOME_QUARANTINED);
    has("bad_verdict");
    verdict = 5;
    page_run("<p>x");
    has("bad_verdict");
    has_not("\"put\"");
}

static uint32_t works_long(const trommel_host *h, trommel_ctx *ctx, trommel_page *page)
{
    (void)ctx;
    while (!h->should_stop(page))
        ;
    return TROMMEL_RETRY;
}

static void a_long_stage_is_not_told_to_stop(void **state)
{
    uint64_t start = clock_mono_ms();

    (void)state;
    act = works_long;
    page_run("<p>x");
    assert_true(clock_mono_ms() - start >= 90);
    assert_int_equal(res.retry, 0);
    has("timeout");
}

static void what_is_no_page_runs_the_chain(void **state)
{
    (void)state;
    act = must_not_run;
    page_run("");
    assert_int_equal(res.outcome, OUTCOME_NO_CONTENT);
    has("empty_body");
    has("\"stages\":[]");
    has_not("links");
}

static void an_answer_that_is_no_page_is_read_as_one(void **state)
{
    (void)state;
    act = must_not_run;
    answer_run(404, "<title>Not here</title><p>What you look for is <a href=\"/\">elsewhere</a>.");
    assert_int_equal(res.outcome, OUTCOME_FAILED);
    has("\"reason\":\"http_404\"");
    has("\"content_type\":\"text/html; charset=utf-8\"");
    has_not("links");
    answer_run(304, "");
    assert_int_equal(res.outcome, OUTCOME_UNCHANGED);
    has("\"code\":\"unchanged\",\"reason\":\"http_304\"");
}

static void the_chain_none_runs_something(void **state)
{
    int *is_none = (int *)(uintptr_t)&run.chain->is_none;

    (void)state;
    act = must_not_run;
    *is_none = 1;
    answer_run(200, "<title>None</title><p>Read <a href=\"/x\">this</a>.");
    assert_int_equal(res.outcome, OUTCOME_OK);
    has("\"content_type\":\"text/html\"");
    has("\"stages\":[]");
    has_not("links");
    answer_run(404, "");
    assert_int_equal(res.outcome, OUTCOME_FAILED);
    *is_none = 0;
}

/* ---- links ---- */

static void links_are_collected_wrongly(void **state)
{
    (void)state;
    page_run(
        "<link rel=canonical href=/c><link rel='alternate stylesheet' href=/no><link rel=NEXT "
        "href='/n?a=1#f'>"
        "<link rel=alternate href=/alt title='An  other'><link rel=icon href=/no>"
        "<p><a href='rel/../x' rel='nofollow ugc'> one\n <b>two</b>&nbsp;three</a><a href='/dir/x'>again</a>"
        "<a href='#top'>no</a><a href='javascript:x'>no</a><a name=z>no</a><a href=/img><img alt='A "
        "picture'></a>"
        "<map><area href=/area alt='An area'></map><template><a href=/hidden>h</a></template>"
        "<a href=/later></a><a href=/later>said later</a><svg><a href=/svg>s</a></svg>");
    has("{\"url\":\"http://t.test/c\",\"rel\":\"canonical\",\"text\":\"\",\"kind\":\"canonical\"}");
    has("{\"url\":\"http://t.test/n?a=1\",\"rel\":\"NEXT\",\"text\":\"\",\"kind\":\"pagination\"}");
    has("{\"url\":\"http://t.test/alt\",\"rel\":\"alternate\",\"text\":\"An other\",\"kind\":\"alternate\"}");
    has("{\"url\":\"http://t.test/dir/x\",\"rel\":\"nofollow ugc\",\"text\":\"one two "
        "three\",\"kind\":\"unknown\",\"nofollow\":true}");
    has("\"text\":\"A picture\"");
    has("\"text\":\"An area\"");
    has("{\"url\":\"http://t.test/later\",\"rel\":null,\"text\":\"said later\",\"kind\":\"unknown\"}");
    has_not("again");
    has_not("/no");
    has_not("hidden");
    has_not("svg");
    has_not("javascript");
}

static void a_page_that_forbids_is_followed(void **state)
{
    (void)state;
    page_run("<meta name=Robots content='noindex, NoFollow'><a href=/a>b</a>");
    has("\"nofollow\":true");
    page_run("<meta name=robots content='noindex'><a href=/a>b</a>");
    has_not("\"nofollow\"");
}

static void links_have_no_bounds(void **state)
{
    struct buf b = BUF_INIT(8 << 20);
    struct mp_value v;

    (void)state;
    for (unsigned i = 0; i < LIMIT_LINKS + 50; i++)
        buf_printf(&b, "<a href='/%u'>%s</a>", i, i == 3 ? "" : "x");
    page_run(buf_cstr(&b));
    assert_int_equal(record_get(res.record.p, res.record.n, "links", &v), 0);
    assert_int_equal(v.u.n, LIMIT_LINKS);
    buf_clear(&b);
    buf_add_str(&b, "<a href=/long>a");
    for (unsigned i = 0; i < LIMIT_LINK_TEXT; i++)
        buf_add_str(&b, "\xc3\xa4");
    page_run(buf_cstr(&b));
    has("ää\",\"kind\"");
    buf_clear(&b);
    for (unsigned i = 0; i < 60000; i++)
        buf_printf(&b, "<div><a href=/%u>", i % 7);
    page_run(buf_cstr(&b)); /* nested as deep as the parser lets it be: no quadratic walk */
    buf_release(&b);
}

#define ON_PAGE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_order_is_linked),
        cmocka_unit_test(a_table_that_lies_is_taken),
        cmocka_unit_test(options_are_given_wrongly),
        cmocka_unit_test(a_kept_option_stops_the_chain),
        cmocka_unit_test(a_wrong_option_passes),
        ON_PAGE(values_are_lost),
        ON_PAGE(wrong_values_are_taken),
        ON_PAGE(the_page_is_described_wrongly),
        ON_PAGE(a_verdict_has_no_effect),
        ON_PAGE(a_long_stage_is_not_told_to_stop),
        ON_PAGE(what_is_no_page_runs_the_chain),
        ON_PAGE(an_answer_that_is_no_page_is_read_as_one),
        ON_PAGE(the_chain_none_runs_something),
        ON_PAGE(links_are_collected_wrongly),
        ON_PAGE(a_page_that_forbids_is_followed),
        ON_PAGE(links_have_no_bounds),
    };

    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
