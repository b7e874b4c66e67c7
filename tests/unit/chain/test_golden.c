/* Golden pages: those that are bundled, through the real chain; the ring; results compared and judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "base/utf8.h"
#include "chain/golden.h"

#include "built.h"

enum { WAIT_MS = 300000 };

/* ---- the bundled pages through the bundled chain ---- */

struct ran {
    struct golden_compare *compare;
    enum golden_side side;
    size_t n;
    struct {
        enum outcome outcome;
        char charset[40], title[200], lang[20], kind[40];
        size_t words;
    } pages[64];
};

static void keep_str(char *to, size_t n, trommel_str s)
{
    snprintf(to, n, "%.*s", (int)s.n, s.n ? s.p : "");
}

static void on_result(void *arg, void *user, const struct pool_result *r)
{
    struct ran *ran = arg;
    size_t i = (uintptr_t)user;
    struct mp_value v;

    ran->n++;
    ran->pages[i].outcome = r->outcome;
    keep_str(ran->pages[i].charset, 40, record_get_str(r->record.p, r->record.n, "charset"));
    keep_str(ran->pages[i].title, 200, record_get_str(r->record.p, r->record.n, "meta.title"));
    keep_str(ran->pages[i].lang, 20, record_get_str(r->record.p, r->record.n, "content.lang"));
    keep_str(ran->pages[i].kind, 40, record_get_str(r->record.p, r->record.n, "layout.type"));
    if (!record_get(r->record.p, r->record.n, "content.words", &v))
        ran->pages[i].words = v.u.u;
    golden_compare_put(ran->compare, i, ran->side, golden_bundled_name(i), r);
}

static void chain_run(struct ran *ran)
{
    char *worker = built("trommel-worker"), *stages = built("stage");
    struct pool_options opt = { .workers = 1, .worker_path = worker, .on_result = on_result, .arg = ran };
    struct chain_config c;
    struct err err = { 0 };
    struct pool *p;

    opt.page_ms = opt.stage_ms = WAIT_MS; /* a slow machine is no fault of the pages */
    opt.worker_bytes = LIMIT_WORKER_BYTES;
    assert_int_equal(chain_config_default(&c, &err), 0);
    assert_int_equal(chain_config_find(&c, stages, &err), 0);
    if (pool_open(&opt, &c, &p, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < golden_bundled_count(); i++) {
        struct pool_page page;
        golden_bundled(i, &page);
        while (!pool_room(p))
            assert_true(pool_dispatch(p, WAIT_MS, &err) >= 0);
        assert_int_equal(pool_submit(p, &page, (void *)(uintptr_t)i), 0);
    }
    while (pool_pending(p))
        assert_true(pool_dispatch(p, WAIT_MS, &err) >= 0);
    pool_close(p);
    free(worker);
    free(stages);
}

static size_t bundled_find(const char *name)
{
    for (size_t i = 0; i < golden_bundled_count(); i++)
        if (!strcmp(golden_bundled_name(i), name))
            return i;
    fail_msg("no page %s", name);
    return 0;
}

/* Twice through the chain: the same records, none fails; and each page is what it is there for. */
static void a_bundled_page_fails_or_varies(void **state)
{
    static const struct {
        const char *name, *charset, *title, *lang;
        enum outcome outcome;
    } want[] = {
        { "article", "utf-8", "The ferry at Ostermouth runs again", "en", OUTCOME_OK },
        { "product", "utf-8", "Kaffeemühle „Ada“", "de", OUTCOME_OK },
        { "listing", "windows-1252", "Théières en fonte et en grès", "fr", OUTCOME_OK },
        { "russian", "windows-1251", "Старая мельница снова мелет", "ru", OUTCOME_OK },
        { "japanese", "shift_jis", "川沿いの小さな図書館", "ja", OUTCOME_OK },
        { "notes", "utf-8", "", "en", OUTCOME_OK },
        { "empty", "", "", "", OUTCOME_NO_CONTENT },
    };
    struct ran *ran = calloc(1, sizeof *ran);
    const char *const keep[] = { "outcome", "content", "meta", "links", "layout" };
    struct swap_policy strict = { .keep = keep, .n_keep = 5, .slower_max = 1e9 };
    size_t n = golden_bundled_count();
    struct err err = { 0 };
    json_t *report;

    (void)state;
    assert_true(n >= 12 && n <= 64);
    ran->compare = golden_compare_new(n);
    chain_run(ran);
    ran->side = GOLDEN_CANDIDATE;
    chain_run(ran);
    assert_int_equal(ran->n, 2 * n);
    assert_true(golden_compare_is_done(ran->compare));
    if (golden_compare_judge(ran->compare, &strict, &err))
        fail_msg("%s", err.text);
    report = golden_compare_report(ran->compare);
    assert_int_equal(json_integer_value(json_object_get(report, "equal")), n);
    assert_int_equal(json_integer_value(json_object_get(report, "failed")), 0);
    json_decref(report);
    golden_compare_free(ran->compare);
    for (size_t k = 0; k < sizeof want / sizeof want[0]; k++) {
        size_t i = bundled_find(want[k].name);
        assert_int_equal(ran->pages[i].outcome, want[k].outcome);
        assert_string_equal(ran->pages[i].charset, want[k].charset);
        assert_string_equal(ran->pages[i].lang, want[k].lang);
        if (strncmp(ran->pages[i].title, want[k].title, strlen(want[k].title)) != 0)
            fail_msg("%s: %s", want[k].name, ran->pages[i].title);
    }
    assert_true(ran->pages[bundled_find("deep")].words > 5);
    assert_true(ran->pages[bundled_find("broken")].words > 5);
    free(ran);
}

static void a_bundled_page_is_not_whole(void **state)
{
    static const struct {
        const char *name;
        size_t least;
        const char *begin, *end;
    } want[] = {
        { "article", 3000, "<!DOCTYPE html>\n", "</html>\n" },
        { "notes", 300, "Minutes of", "same bench.\n" },
        { "broken", 1000, "<title>Fair", "<a href=\"/cut" },
        { "deep", 5000, "<!DOCTYPE", "</html>\n" },
        { "empty", 0, "", "" },
    };

    (void)state;
    for (size_t k = 0; k < sizeof want / sizeof want[0]; k++) {
        struct pool_page p;
        size_t b = strlen(want[k].begin), e = strlen(want[k].end);
        golden_bundled(bundled_find(want[k].name), &p);
        assert_true(p.body.n >= want[k].least && p.body.n >= b && p.body.n >= e);
        assert_memory_equal(p.body.p, want[k].begin, b);
        assert_memory_equal(p.body.p + p.body.n - e, want[k].end, e);
        assert_int_equal(p.head.bytes, p.body.n);
        assert_int_equal(p.head.status, 200);
    }
    for (size_t i = 0; i < golden_bundled_count(); i++) {
        struct pool_page p;
        golden_bundled(i, &p);
        int is_text = utf8_valid(p.body.p, p.body.n) == p.body.n;
        const char *name = golden_bundled_name(i);
        int odd = !strcmp(name, "russian") || !strcmp(name, "japanese") || !strcmp(name, "listing") ||
                  !strcmp(name, "broken");
        assert_int_equal(is_text, !odd);
        assert_true(p.body.n < 16 * KIB);
    }
}

/* ---- the ring ---- */

/* Page i, of so many bytes; its strings die with the call. */
static void see(struct golden_ring *r, unsigned i, size_t bytes)
{
    char url[100], id[20], *body = malloc(bytes + 1);
    struct pool_page p = { .head = { .status = 200 + (uint16_t)i } };

    memset(body, 'a' + (int)(i % 26), bytes);
    p.head.url = (trommel_str){ url, (size_t)snprintf(url, sizeof url, "http://t.test/%u", i) };
    p.head.id_text = (trommel_str){ id, (size_t)snprintf(id, sizeof id, "%u", i) };
    p.content_type = (trommel_str){ "text/html", 9 };
    p.body = (trommel_str){ body, bytes };
    golden_ring_see(r, &p);
    memset(body, 0, bytes);
    memset(url, 0, sizeof url);
    free(body);
}

static unsigned number_at(const struct golden_ring *r, size_t k)
{
    struct pool_page p;
    unsigned i;

    golden_ring_page(r, k, &p);
    i = p.head.status - 200u;
    char url[100];
    assert_int_equal(p.head.url.n, snprintf(url, sizeof url, "http://t.test/%u", i));
    assert_memory_equal(p.head.url.p, url, p.head.url.n);
    assert_int_equal(p.headers.n, 0);
    assert_memory_equal(p.content_type.p, "text/html", 9);
    for (size_t b = 0; b < p.body.n; b++)
        assert_int_equal(p.body.p[b], 'a' + (int)(i % 26));
    return i;
}

static void the_ring_keeps_other_pages(void **state)
{
    struct golden_ring *r = golden_ring_new();

    (void)state;
    assert_int_equal(golden_ring_count(r), 0);
    for (unsigned i = 0; i < GOLDEN_RING_PAGES; i++) {
        see(r, i, 100 + i);
        assert_int_equal(golden_ring_count(r), i + 1);
        assert_int_equal(number_at(r, 0), 0);
        assert_int_equal(number_at(r, i), i);
    }
    /* full: every eighth, in place of the oldest */
    for (unsigned i = GOLDEN_RING_PAGES; i < 1000; i++) {
        see(r, i, 50);
        unsigned taken = (i + 1 - GOLDEN_RING_PAGES) / GOLDEN_EVERY;
        assert_int_equal(golden_ring_count(r), GOLDEN_RING_PAGES);
        unsigned newest = number_at(r, GOLDEN_RING_PAGES - 1);
        assert_int_equal(newest, GOLDEN_RING_PAGES + taken * GOLDEN_EVERY - 1);
        assert_true(number_at(r, 0) < number_at(r, 1));
    }
    golden_ring_free(r);
}

static void the_ring_grows_beyond_its_bytes(void **state)
{
    struct golden_ring *r = golden_ring_new();

    (void)state;
    see(r, 0, GOLDEN_PAGE_BYTES + 1);
    assert_int_equal(golden_ring_count(r), 0);
    for (unsigned i = 0; i < 500; i++) {
        size_t bytes = 0;
        see(r, i, (i * 7919u) % (GOLDEN_PAGE_BYTES - 1000));
        for (size_t k = 0; k < golden_ring_count(r); k++) {
            struct pool_page p;
            golden_ring_page(r, k, &p);
            bytes += p.body.n;
        }
        assert_true(bytes <= GOLDEN_RING_BYTES);
        assert_true(golden_ring_count(r) >= 1);
    }
    assert_true(golden_ring_count(r) >= 7);
    golden_ring_free(r);
}

static void a_held_ring_changes(void **state)
{
    struct golden_ring *r = golden_ring_new();

    (void)state;
    see(r, 0, 10);
    golden_ring_hold(r, 1);
    for (unsigned i = 1; i < 100; i++)
        see(r, i, 10);
    assert_int_equal(golden_ring_count(r), 1);
    assert_int_equal(number_at(r, 0), 0);
    golden_ring_hold(r, 0);
    see(r, 7, 10);
    assert_int_equal(golden_ring_count(r), 2);
    assert_int_equal(number_at(r, 1), 7);
    golden_ring_free(r);
    golden_ring_free(NULL);
}

/* ---- results, compared and judged ---- */

/* One result: fields "a=1 meta.title=T", or "!stage:reason" for a page that fails. */
static void put(struct golden_compare *g, size_t i, enum golden_side side, const char *text, uint64_t cpu_us)
{
    struct pool_result r = { .outcome = OUTCOME_OK, .cpu_us = cpu_us };
    struct buf b = BUF_INIT(MIB), meta = BUF_INIT(MIB);
    char copy[400], *rest = copy, *word, name[20];
    uint32_t n = 0, n_meta = 0;

    snprintf(name, sizeof name, "page/%zu", i);
    snprintf(copy, sizeof copy, "%s", text);
    if (*text == '!') {
        char *colon = strchr(copy, ':');
        r.outcome = OUTCOME_QUARANTINED;
        r.stage = (trommel_str){ copy + 1, (size_t)(colon - copy - 1) };
        r.reason = (trommel_str){ colon + 1, strlen(colon + 1) };
    }
    while (*text != '!' && (word = strsep(&rest, " "))) {
        char *eq = strchr(word, '=');
        if (!eq)
            continue;
        *eq = 0;
        int is_meta = !strncmp(word, "meta.", 5);
        mp_cstr(is_meta ? &meta : &b, is_meta ? word + 5 : word);
        mp_cstr(is_meta ? &meta : &b, eq + 1);
        (*(is_meta ? &n_meta : &n))++;
    }
    struct buf all = BUF_INIT(MIB);
    mp_map(&all, n + 1);
    buf_add(&all, b.data, b.len);
    mp_cstr(&all, "meta");
    mp_map(&all, n_meta);
    buf_add(&all, meta.data, meta.len);
    r.record = (trommel_str){ (const char *)all.data, all.len };
    golden_compare_put(g, i, side, name, &r);
    buf_release(&b);
    buf_release(&meta);
    buf_release(&all);
}

struct pair {
    const char *live, *candidate;
    uint64_t live_us, candidate_us;
};

/* n pages through both; what the judge says, or "" */
static const char *judged(const struct pair *pairs, size_t n, const struct swap_policy *policy,
                          json_t **ret_report)
{
    static struct err err;
    struct golden_compare *g = golden_compare_new(n);

    err.text[0] = 0;
    for (size_t i = 0; i < n; i++) {
        assert_false(golden_compare_is_done(g));
        put(g, i, i % 2 ? GOLDEN_CANDIDATE : GOLDEN_LIVE, i % 2 ? pairs[i].candidate : pairs[i].live,
            i % 2 ? pairs[i].candidate_us : pairs[i].live_us);
    }
    for (size_t i = n; i-- > 0;) /* the other sides, in another order */
        put(g, i, i % 2 ? GOLDEN_LIVE : GOLDEN_CANDIDATE, i % 2 ? pairs[i].live : pairs[i].candidate,
            i % 2 ? pairs[i].live_us : pairs[i].candidate_us);
    assert_true(golden_compare_is_done(g));
    int rc = golden_compare_judge(g, policy, &err);
    assert_int_equal(rc, err.text[0] ? ERR_REFUSED : 0);
    if (ret_report)
        *ret_report = golden_compare_report(g);
    golden_compare_free(g);
    return err.text;
}
#define JUDGED(pairs, policy) judged(pairs, sizeof(pairs) / sizeof((pairs)[0]), policy, NULL)

static void expect_part(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" says not \"%s\"", text, part);
}

static int64_t number(const json_t *report, const char *key, const char *key2)
{
    const json_t *v = json_object_get(report, key);

    return json_integer_value(key2 ? json_object_get(v, key2) : v);
}

static void what_must_be_kept_is_lost(void **state)
{
    static const struct pair pairs[] = {
        { "v=1 meta.title=A meta.lang=en", "v=1 meta.title=A meta.lang=en x=new", 0, 0 },
        { "v=1 meta.title=A meta.lang=en", "v=1 meta.lang=en", 0, 0 },
        { "v=1 meta.title=A meta.lang=en", "v=1 meta.title=B", 0, 0 },
        { "v=1 meta.title=A", "v=1 meta.lang=fr", 0, 0 },
    };
    static const char *const title[] = { "meta.title" }, *const meta[] = { "meta" },
                      *const other[] = { "meta.tit", "v", "x" };
    struct swap_policy policy = { .slower_max = 4 };
    json_t *report;

    (void)state;
    assert_string_equal(judged(pairs, 4, &policy, &report), ""); /* nothing need be kept */
    assert_int_equal(number(report, "pages", NULL), 4);
    assert_int_equal(number(report, "equal", NULL), 0);
    assert_int_equal(number(report, "differ", NULL), 4);
    assert_int_equal(number(report, "fields", "meta.title"), 3);
    assert_int_equal(number(report, "missing", "meta.title"), 2);
    assert_int_equal(number(report, "missing", "meta.lang"), 1);
    assert_int_equal(number(report, "extra", "x"), 1);
    assert_int_equal(number(report, "extra", "meta.lang"), 1);
    assert_null(json_object_get(json_object_get(report, "extra"), "meta.title"));
    json_decref(report);
    policy.keep = title;
    policy.n_keep = 1;
    expect_part(JUDGED(pairs, &policy), "meta.title is lost on 2 of 4 pages (first: page/");
    expect_part(JUDGED(pairs, &policy), "meta.title changes on 1 of 4 pages (first: page/2)");
    assert_null(strstr(JUDGED(pairs, &policy), "meta.lang"));
    policy.keep = meta;
    expect_part(JUDGED(pairs, &policy), "meta.lang is lost on 1 of 4 pages");
    policy.keep = other; /* what comes new is no loss; a part of a name is no name */
    policy.n_keep = 3;
    assert_string_equal(JUDGED(pairs, &policy), "");
}

/* A map that becomes something else takes what lies under it with it. */
static void a_branch_is_lost_unseen(void **state)
{
    static const char *const keep[] = { "meta.title" };
    struct swap_policy policy = { .keep = keep, .n_keep = 1, .slower_max = 4 };
    struct golden_compare *g = golden_compare_new(1);
    struct pool_result live = { .record = { "\x81\xa4meta\x81\xa5title\xa1T", 15 } },
                       candidate = { .record = { "\x81\xa4meta\xa1T", 8 } };
    struct err err = { 0 };

    (void)state;
    golden_compare_put(g, 0, GOLDEN_LIVE, "page", &live);
    golden_compare_put(g, 0, GOLDEN_CANDIDATE, "page", &candidate);
    assert_int_equal(golden_compare_judge(g, &policy, &err), ERR_REFUSED);
    expect_part(err.text, "meta changes on 1 of 1 pages");
    golden_compare_free(g);
}

static void failures_are_counted_wrongly(void **state)
{
    static const struct pair pairs[] = {
        { "v=1", "v=1", 0, 0 },
        { "v=1", "!price:no_price", 0, 0 },
        { "!price:crash", "v=1", 0, 0 },       /* mended: no loss, and nothing to compare */
        { "!price:crash", "!price:oops", 0, 0 }, /* with both */
        { "v=1", "v=1", 0, 0 },
    };
    static const char *const keep[] = { "v" };
    struct swap_policy policy = { .keep = keep, .n_keep = 1, .slower_max = 4 };
    json_t *report;

    (void)state;
    expect_part(judged(pairs, 5, &policy, &report),
                "1 of 5 pages fail with the candidate and not with the live chain "
                "(first: page/1, stage price: no_price)");
    assert_int_equal(number(report, "failed", NULL), 2);
    assert_int_equal(number(report, "failed_live", NULL), 2);
    assert_int_equal(number(report, "equal", NULL), 2);
    assert_int_equal(number(report, "differ", NULL), 0);
    assert_int_equal(number(report, "uncompared", NULL), 0);
    json_decref(report);
    policy.errors_max = 0.19;
    expect_part(JUDGED(pairs, &policy), "fail with the candidate");
    policy.errors_max = 0.2; /* one in five */
    assert_string_equal(JUDGED(pairs, &policy), "");
}

static void a_slow_chain_passes(void **state)
{
    static const struct pair fast[] = { { "v=1", "v=1", 10, 15000 }, { "v=1", "v=1", 10, 5000 } },
                             slow[] = { { "v=1", "v=1", 10000, 60000 }, { "v=1", "v=1", 20000, 80001 } },
                             edge[] = { { "v=1", "v=1", 10000, 60000 }, { "v=1", "v=1", 20000, 80000 } },
                             failing[] = { { "v=1", "v=1", 10000, 40000 }, { "!a:b", "v=1", 0, 900000 },
                                           { "!a:b", "!a:b", 0, 900000 } };
    struct swap_policy policy = { .slower_max = 4 };
    json_t *report;

    (void)state;
    assert_string_equal(JUDGED(fast, &policy), ""); /* a thousand times slower, but all of it is noise */
    assert_string_equal(JUDGED(edge, &policy), "");
    expect_part(judged(slow, 2, &policy, &report), "2 pages take 140.0 ms of CPU time, 4.7 times as much");
    assert_int_equal(number(report, "cpu_us", NULL), 140001);
    assert_int_equal(number(report, "cpu_us_live", NULL), 30000);
    assert_true(json_real_value(json_object_get(report, "slower")) > 4.6);
    json_decref(report);
    assert_string_equal(JUDGED(failing, &policy), "");
    policy.slower_max = 1;
    expect_part(JUDGED(edge, &policy), "at most 1");
}

static void more_than_one_fault_hides_another(void **state)
{
    static const struct pair pairs[] = {
        { "meta.title=A", "meta.title=B", 10, 900000 },
        { "v=1", "!price:bad", 10, 10 },
    };
    static const char *const keep[] = { "meta.title" };
    struct swap_policy policy = { .keep = keep, .n_keep = 1, .slower_max = 4 };
    const char *text = JUDGED(pairs, &policy);

    (void)state;
    expect_part(text, "golden pages: 1 of 2 pages fail");
    expect_part(text, "; meta.title changes on 1 of 2 pages");
    expect_part(text, "; 1 pages take 900.0 ms");
}

static void what_cannot_be_compared_passes(void **state)
{
    struct golden_compare *g = golden_compare_new(3);
    char *large = calloc(1, 30 * MIB);
    struct pool_result r = { .record = { large, 30 * MIB } }, same = r, bad = { .record = { "\xc1", 1 } };
    struct swap_policy policy = { .slower_max = 4 };
    struct err err = { 0 };
    json_t *report;

    (void)state;
    memcpy(large, "\x81\xa1k\xc6\x01\xdf\xff\xf8", 8); /* {k: all the rest} */
    for (size_t i = 0; i < 3; i++) /* the third is beyond what is held */
        golden_compare_put(g, i, GOLDEN_LIVE, "page", &r);
    golden_compare_put(g, 2, GOLDEN_CANDIDATE, "third", &same);
    assert_int_equal(golden_compare_judge(g, &policy, &err), ERR_REFUSED);
    expect_part(err.text, "the records of 1 of 1 pages are too large or in too great disorder");
    expect_part(err.text, "(first: third)");
    golden_compare_put(g, 0, GOLDEN_CANDIDATE, "first", &bad); /* damaged */
    golden_compare_put(g, 1, GOLDEN_CANDIDATE, "second", &same);
    report = golden_compare_report(g);
    assert_int_equal(number(report, "uncompared", NULL), 2);
    assert_int_equal(number(report, "equal", NULL), 1);
    json_decref(report);
    golden_compare_free(g);
    g = golden_compare_new(1);
    golden_compare_put(g, 0, GOLDEN_LIVE, "waits", &bad);
    golden_compare_free(g);
    golden_compare_free(NULL);
    free(large);
}

static void fields_grow_without_end(void **state)
{
    struct golden_compare *g = golden_compare_new(1);
    struct pool_result live = { .record = { "\x80", 1 } }, candidate = { .record = { NULL, 0 } };
    struct buf b = BUF_INIT(MIB);
    json_t *report;
    char key[20], long_name[GOLDEN_NAME_BYTES + 2] = "";

    (void)state;
    memset(long_name, 'n', sizeof long_name - 1);
    mp_map(&b, GOLDEN_FIELDS_MAX + 10);
    for (unsigned i = 0; i < GOLDEN_FIELDS_MAX + 10; i++) {
        snprintf(key, sizeof key, "k%u", i);
        mp_cstr(&b, i ? key : long_name);
        mp_uint(&b, i);
    }
    candidate.record = (trommel_str){ (const char *)b.data, b.len };
    golden_compare_put(g, 0, GOLDEN_CANDIDATE, "page", &candidate);
    golden_compare_put(g, 0, GOLDEN_LIVE, "page", &live);
    report = golden_compare_report(g);
    assert_int_equal(json_object_size(json_object_get(report, "extra")), GOLDEN_NAMES_MAX + 1);
    assert_int_equal(number(report, "extra", "…"), GOLDEN_FIELDS_MAX + 10 - GOLDEN_NAMES_MAX);
    assert_null(json_object_get(json_object_get(report, "extra"), long_name));
    json_decref(report);
    golden_compare_free(g);
    buf_release(&b);
}

static void no_pages_are_no_verdict(void **state)
{
    struct golden_compare *g = golden_compare_new(0);
    struct swap_policy policy = { 0 };

    (void)state;
    assert_true(golden_compare_is_done(g));
    assert_int_equal(golden_compare_judge(g, &policy, NULL), 0);
    golden_compare_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundled_page_fails_or_varies),
        cmocka_unit_test(a_bundled_page_is_not_whole),
        cmocka_unit_test(the_ring_keeps_other_pages),
        cmocka_unit_test(the_ring_grows_beyond_its_bytes),
        cmocka_unit_test(a_held_ring_changes),
        cmocka_unit_test(what_must_be_kept_is_lost),
        cmocka_unit_test(a_branch_is_lost_unseen),
        cmocka_unit_test(failures_are_counted_wrongly),
        cmocka_unit_test(a_slow_chain_passes),
        cmocka_unit_test(more_than_one_fault_hides_another),
        cmocka_unit_test(what_cannot_be_compared_passes),
        cmocka_unit_test(fields_grow_without_end),
        cmocka_unit_test(no_pages_are_no_verdict),
    };

    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
