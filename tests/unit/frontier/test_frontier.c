/* The frontier with a clock of the test's own.  Each name ends "fails when …". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "folder.h"
#include "frontier/frontier.h"

struct world {
    char *dir;
    struct frontier *f;
    struct frontier_options opt;
    uint64_t now;
    unsigned refused;
    char reason[32];
};

static void on_refused(void *arg, const struct frontier_item *item)
{
    struct world *w = arg;

    w->refused++;
    snprintf(w->reason, sizeof w->reason, "%s", item->refused);
}

static void world_open(struct world *w)
{
    struct err err = { 0 };

    if (frontier_open(w->dir, &w->opt, &w->f, &err) < 0)
        fail_msg("%s", err.text);
    frontier_on_refused(w->f, on_refused, w);
}

static void world_again(struct world *w)
{
    frontier_close(w->f);
    world_open(w);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    w->dir = folder_new();
    w->opt = (struct frontier_options){
        .scope = SCOPE_HOST,
        .depth_max = 5,
        .per_host = 1,
        .user_agent = "Trommel/0.1",
        .ignore_robots = 1,
        .job = 7,
    };
    w->now = 1000;
    world_open(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    frontier_close(w->f);
    folder_remove(w->dir);
    free(w);
    return 0;
}

static void seed(struct world *w, const char *url)
{
    struct err err = { 0 };

    if (frontier_seed(w->f, url, &err) < 0)
        fail_msg("%s", err.text);
}

static struct frontier_item *take(struct world *w, const char *url)
{
    struct frontier_item *item;
    uint64_t wait;
    int rc = frontier_take(w->f, w->now, &item, &wait);

    if (rc < 0)
        fail_msg("%s: %s, wait %llu", url, err_name(rc), (unsigned long long)wait);
    if (url && (item->url.n != strlen(url) || memcmp(item->url.p, url, item->url.n) != 0))
        fail_msg("%.*s instead of %s", (int)item->url.n, item->url.p, url);
    return item;
}

static void nothing(struct world *w, int want, uint64_t want_wait)
{
    struct frontier_item *item;
    uint64_t wait;
    int rc = frontier_take(w->f, w->now, &item, &wait);

    if (rc == 0)
        fail_msg("gave %.*s", (int)item->url.n, item->url.p);
    assert_string_equal(err_name(rc), err_name(want));
    assert_int_equal(wait, want_wait);
}

static void done_links(struct world *w, struct frontier_item *item, enum frontier_end how,
                       const char *const *urls)
{
    struct frontier_link links[64];
    size_t n = 0;

    for (; urls && urls[n]; n++)
        links[n] = (struct frontier_link){ { urls[n], strlen(urls[n]) }, 0 };
    assert_int_equal(frontier_done(w->f, &item, how, 0, links, n), 0);
    assert_null(item);
}

#define LINKS(...) (const char *const[]){ __VA_ARGS__, NULL }

static void done(struct world *w, struct frontier_item *item)
{
    done_links(w, item, FRONTIER_DONE, NULL);
}

static void again(struct world *w, struct frontier_item *item, uint32_t ms)
{
    assert_int_equal(frontier_done(w->f, &item, FRONTIER_RETRY, ms, NULL, 0), 0);
}

static void robots(struct world *w, struct frontier_item *item, int status, const char *body)
{
    assert_true(item->is_robots);
    assert_int_equal(frontier_robots(w->f, &item, status, (trommel_str){ body, strlen(body) }, w->now), 0);
    assert_null(item);
}

static void add_up(struct world *w)
{
    struct frontier_counts c = frontier_counts(w->f);

    assert_int_equal(c.known, c.queued + c.in_flight + c.done);
}

/* ---- order ---- */

static void the_order_is_not_breadth_first(void **state)
{
    struct world *w = *state;

    seed(w, "http://a.example/");
    seed(w, "http://a.example/");
    struct frontier_item *item = take(w, "http://a.example/");
    assert_int_equal(item->depth, 0);
    assert_int_equal(item->attempt, 1);
    assert_true(item->host_last);
    done_links(w, item, FRONTIER_DONE,
               LINKS("http://a.example/1", "http://a.example/2", "http://a.example/1", "http://a.example/"));
    item = take(w, "http://a.example/1");
    assert_int_equal(item->depth, 1);
    assert_false(item->host_last);
    assert_int_equal(item->via.n, 17);
    assert_memory_equal(item->via.p, "http://a.example/", 17);
    done_links(w, item, FRONTIER_DONE, LINKS("http://a.example/1/1", "http://a.example/2"));
    seed(w, "http://a.example/late");
    done(w, take(w, "http://a.example/late")); /* depth 0 */
    done_links(w, take(w, "http://a.example/2"), FRONTIER_DONE, LINKS("http://a.example/2/1"));
    done(w, take(w, "http://a.example/1/1"));
    done(w, take(w, "http://a.example/2/1"));
    nothing(w, ERR_CLOSED, UINT64_MAX);
    add_up(w);
    assert_int_equal(frontier_counts(w->f).done, 6);
}

/* More than the window holds, shallower links coming in between, busy ones among what is read again. */
static void the_window_loses_or_repeats_a_url(void **state)
{
    struct world *w = *state;
    enum { N = 600 };
    struct frontier_item *held[40];
    unsigned seen[N] = { 0 }, depth = 0;
    char url[64];

    w->opt.per_host = 1000;
    world_again(w);
    seed(w, "http://a.example/");
    struct frontier_item *item = take(w, NULL);
    struct frontier_link links[N];
    char text[N][40];
    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "http://a.example/%d", i);
        links[i] = (struct frontier_link){ { text[i], strlen(text[i]) }, 0 };
    }
    assert_int_equal(frontier_done(w->f, &item, FRONTIER_DONE, 0, links, N), 0);
    for (int i = 0; i < 40; i++)
        held[i] = take(w, NULL);
    for (int i = 0; i < 100; i++) { /* go before all of them and push the window's end out */
        snprintf(url, sizeof url, "http://a.example/seed/%d", i);
        seed(w, url);
    }
    for (int i = 0; i < 30; i++)
        again(w, held[i], 50);
    w->now += 100;
    for (int i = 0; i < N + 100 - 10; i++) {
        item = take(w, NULL);
        if (item->attempt == 1) {
            assert_true(item->depth >= depth);
            depth = item->depth;
        }
        if (item->depth == 1)
            seen[strtoul(item->url.p + 17, NULL, 10)]++;
        done(w, item);
    }
    nothing(w, ERR_AGAIN, UINT64_MAX);
    for (int i = 30; i < 40; i++) {
        seen[strtoul(held[i]->url.p + 17, NULL, 10)]++;
        done(w, held[i]);
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    nothing(w, ERR_CLOSED, UINT64_MAX);
    add_up(w);
}

static void hosts_do_not_take_turns(void **state)
{
    struct world *w = *state;
    char url[64];

    for (int i = 0; i < 3; i++) {
        for (int h = 0; h < 4; h++) {
            snprintf(url, sizeof url, "http://h%d.example/%d", h, i);
            seed(w, url);
        }
    }
    for (int i = 0; i < 3; i++) {
        unsigned mask = 0;
        for (int h = 0; h < 4; h++) {
            struct frontier_item *item = take(w, NULL);
            mask |= 1u << (item->url.p[8] - '0');
            assert_int_equal(item->url.p[item->url.n - 1], '0' + i);
            assert_int_equal(item->host_last, i == 2);
            done(w, item);
        }
        assert_int_equal(mask, 15);
    }
}

/* ---- pace ---- */

static void the_delay_is_not_kept(void **state)
{
    struct world *w = *state;

    w->opt.delay_ms = 500;
    world_again(w);
    seed(w, "http://a.example/1");
    seed(w, "http://a.example/2");
    seed(w, "https://a.example:8443/3"); /* another origin, the same host */
    struct frontier_item *item = take(w, NULL);
    w->now += 200;
    frontier_transferred(w->f, item, w->now);
    nothing(w, ERR_AGAIN, 300);
    w->now += 299;
    nothing(w, ERR_AGAIN, 1);
    w->now += 1;
    struct frontier_item *second = take(w, NULL);
    done(w, item);
    w->now += 2000; /* long transfers do not add to the delay */
    frontier_transferred(w->f, second, w->now);
    done(w, second);
    done(w, take(w, NULL));
    assert_int_equal(frontier_counts(w->f).hosts, 0);
    seed(w, "http://a.example/4"); /* the host was forgotten, its delay was not */
    nothing(w, ERR_AGAIN, 500);
    w->now += 500;
    done(w, take(w, NULL));
    nothing(w, ERR_CLOSED, UINT64_MAX);
}

static void a_host_gets_too_many_connections(void **state)
{
    struct world *w = *state;
    char url[64];

    w->opt.per_host = 2;
    world_again(w);
    for (int i = 0; i < 5; i++) {
        snprintf(url, sizeof url, "http://a.example/%d", i);
        seed(w, url);
    }
    struct frontier_item *a = take(w, "http://a.example/0"), *b = take(w, "http://a.example/1");
    nothing(w, ERR_AGAIN, UINT64_MAX);
    frontier_transferred(w->f, a, w->now); /* it is with the sink, the next may start */
    struct frontier_item *c = take(w, "http://a.example/2");
    nothing(w, ERR_AGAIN, UINT64_MAX);
    done(w, a); /* was over already */
    nothing(w, ERR_AGAIN, UINT64_MAX);
    done(w, b); /* not told to be over: its end says so */
    b = take(w, "http://a.example/3");
    assert_int_equal(frontier_counts(w->f).in_flight, 2);
    done(w, b);
    done(w, c);
    done(w, take(w, "http://a.example/4"));
}

/* ---- scope, depth, redirects ---- */

static void links_out_of_scope_or_too_deep_are_queued(void **state)
{
    struct world *w = *state;

    w->opt.depth_max = 1;
    world_again(w);
    seed(w, "http://a.example/");
    done_links(w, take(w, NULL), FRONTIER_DONE,
               LINKS("http://b.example/", "https://a.example/x", "ftp://a.example/", "", "nonsense"));
    done_links(w, take(w, "https://a.example/x"), FRONTIER_DONE,
               LINKS("http://a.example/deep", "http://a.example/"));
    nothing(w, ERR_CLOSED, UINT64_MAX);
    struct frontier_counts c = frontier_counts(w->f);
    assert_int_equal(c.out_of_scope, 1);
    assert_int_equal(c.too_deep, 2);
    assert_int_equal(c.known, 2);
    w->opt.depth_max = 9; /* not remembered: a deeper run takes them from pages that it visits */
    world_again(w);
    assert_int_equal(frontier_counts(w->f).too_deep, 2);
    seed(w, "http://a.example/deep");
    done(w, take(w, "http://a.example/deep"));
}

static void redirects_go_astray(void **state)
{
    struct world *w = *state;

    seed(w, "http://a.example/");
    /* a seed's redirect widens the scope */
    done_links(w, take(w, NULL), FRONTIER_REDIRECT, LINKS("https://www.a.example/"));
    struct frontier_item *item = take(w, "https://www.a.example/");
    assert_int_equal(item->depth, 0);
    assert_int_equal(item->redirects, 1);
    assert_int_equal(item->via.n, 17);
    done_links(w, item, FRONTIER_DONE, LINKS("https://www.a.example/x", "http://a.example/y"));
    item = take(w, NULL);
    assert_int_equal(item->redirects, 0);
    done_links(w, item, FRONTIER_REDIRECT, LINKS("https://elsewhere.example/")); /* another's does not */
    assert_int_equal(frontier_counts(w->f).out_of_scope, 1);
    done_links(w, take(w, NULL), FRONTIER_REDIRECT, LINKS("https://www.a.example/")); /* known */
    nothing(w, ERR_CLOSED, UINT64_MAX);
    world_again(w); /* the widened scope is kept, without seeds */
    seed(w, "http://a.example/again");
    done_links(w, take(w, NULL), FRONTIER_DONE, LINKS("https://www.a.example/z"));
    done(w, take(w, "https://www.a.example/z"));
    add_up(w);
}

static void what_is_no_url_becomes_a_seed(void **state)
{
    struct world *w = *state;
    struct err err = { 0 };
    char longest[LIMIT_URL_BYTES + 100];

    assert_int_equal(frontier_seed(w->f, "ftp://a.example/", &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "ftp://a.example/"));
    assert_int_equal(frontier_seed(w->f, "", &err), ERR_INVALID);
    assert_int_equal(frontier_seed(w->f, "no url", &err), ERR_INVALID);
    assert_int_equal(frontier_seed(w->f, "http://", &err), ERR_INVALID);
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "http://a.example/", 17);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(frontier_seed(w->f, longest, &err), ERR_INVALID);
    assert_int_equal(frontier_counts(w->f).known, 0);
    nothing(w, ERR_CLOSED, UINT64_MAX);
}

/* ---- retries, limits ---- */

static void retries_come_too_early_or_never(void **state)
{
    struct world *w = *state;
    uint8_t id[RECORD_ID_BYTES];

    seed(w, "http://a.example/1");
    seed(w, "http://a.example/2");
    struct frontier_item *item = take(w, "http://a.example/1");
    memcpy(id, item->id, sizeof id);
    again(w, item, 1000);
    done(w, take(w, "http://a.example/2"));
    nothing(w, ERR_AGAIN, 1000);
    w->now += 1000;
    item = take(w, "http://a.example/1");
    assert_int_equal(item->attempt, 2);
    assert_memory_equal(item->id, id, sizeof id);
    again(w, item, 100000);
    world_again(w); /* the delay need not survive, the attempt does */
    item = take(w, "http://a.example/1");
    assert_int_equal(item->attempt, 3);
    assert_memory_equal(item->id, id, sizeof id);
    done(w, item);
    nothing(w, ERR_CLOSED, UINT64_MAX);
}

static void a_site_that_fails_gets_all_its_urls(void **state)
{
    struct world *w = *state;
    char url[64];
    unsigned n = 0;
    struct frontier_item *item;
    uint64_t wait;

    for (int i = 0; i < 500; i++) {
        snprintf(url, sizeof url, "http://a.example/%d", i);
        seed(w, url);
    }
    while (frontier_take(w->f, w->now, &item, &wait) == 0 && ++n)
        again(w, item, 1000);
    assert_int_equal(n, 64);
    assert_int_equal(wait, 1000);
    for (int left = 500; left > 0; left--, w->now += left ? 0 : 1) {
        if (frontier_take(w->f, w->now, &item, &wait) < 0) {
            w->now += wait;
            item = take(w, NULL);
        }
        done(w, item);
    }
    nothing(w, ERR_CLOSED, UINT64_MAX);
}

static void the_limit_of_pages_is_not_met(void **state)
{
    struct world *w = *state;
    char url[64];

    w->opt.pages_max = 3;
    w->opt.per_host = 9;
    world_again(w);
    for (int i = 0; i < 10; i++) {
        snprintf(url, sizeof url, "http://h%d.example/", i);
        seed(w, url);
    }
    struct frontier_item *a = take(w, NULL), *b = take(w, NULL), *c = take(w, NULL);
    nothing(w, ERR_AGAIN, UINT64_MAX);
    again(w, a, 700);
    nothing(w, ERR_AGAIN, 700); /* it has its place already */
    done_links(w, b, FRONTIER_REDIRECT, LINKS("http://h9.example/")); /* gives its place back */
    b = take(w, NULL);
    nothing(w, ERR_AGAIN, 700);
    w->now += 700;
    a = take(w, NULL);
    assert_int_equal(a->attempt, 2);
    done(w, a);
    done(w, b);
    nothing(w, ERR_AGAIN, UINT64_MAX);
    done(w, c);
    nothing(w, ERR_CLOSED, UINT64_MAX);
    world_again(w); /* over the job's life */
    nothing(w, ERR_CLOSED, UINT64_MAX);
    w->opt.pages_max = 4;
    world_again(w);
    done(w, take(w, NULL));
    nothing(w, ERR_CLOSED, UINT64_MAX);
    w->opt.pages_max = 0;
    world_again(w);
    for (int i = 0; i < 10 - 5; i++)
        done(w, take(w, NULL));
    nothing(w, ERR_CLOSED, UINT64_MAX);
    add_up(w);
}

static void a_resume_begins_other_pages_than_were_begun(void **state)
{
    struct world *w = *state;
    char url[64], begun[3][64];

    w->opt.pages_max = 3;
    world_again(w);
    for (int i = 0; i < 30; i++) {
        snprintf(url, sizeof url, "http://h%d.example/", i);
        seed(w, url);
    }
    for (int i = 0; i < 3; i++) {
        struct frontier_item *item = take(w, NULL);
        snprintf(begun[i], sizeof begun[i], "%.*s", (int)item->url.n, item->url.p);
    }
    for (int round = 0; round < 3; round++) {
        world_again(w);
        for (int i = 0; i < 3 - round; i++) {
            struct frontier_item *item = take(w, NULL);
            int hit = -1;
            for (int k = 0; k < 3; k++)
                if (strlen(begun[k]) == item->url.n && !memcmp(begun[k], item->url.p, item->url.n))
                    hit = k;
            assert_int_not_equal(hit, -1);
            if (i == 2 - round) {
                begun[hit][0] = 0;
                done(w, item);
            }
        }
        nothing(w, round == 2 ? ERR_CLOSED : ERR_AGAIN, UINT64_MAX);
    }
}

/* ---- robots.txt ---- */

static void robots_is_not_asked_first(void **state)
{
    struct world *w = *state;

    w->opt.ignore_robots = 0;
    world_again(w);
    seed(w, "http://a.example:81/yes");
    seed(w, "http://a.example:81/no");
    seed(w, "http://a.example:81/no?2");
    struct frontier_item *item = take(w, "http://a.example:81/robots.txt");
    nothing(w, ERR_AGAIN, UINT64_MAX);
    robots(w, item, 200, "User-agent: *\nDisallow: /no\nCrawl-delay: 3\n");
    nothing(w, ERR_AGAIN, 3000); /* the delay counts from the start of robots.txt */
    w->now += 3000;
    done(w, take(w, "http://a.example:81/yes"));
    w->now += 3000;
    nothing(w, ERR_CLOSED, UINT64_MAX);
    assert_int_equal(w->refused, 2);
    assert_string_equal(w->reason, "robots");
    struct frontier_counts c = frontier_counts(w->f);
    assert_int_equal(c.refused_robots, 2);
    assert_int_equal(c.done, 3);
    add_up(w);
    world_again(w); /* fresh: not asked again; refused ones stay ended */
    seed(w, "http://a.example:81/no");
    seed(w, "http://a.example:81/yes2");
    done(w, take(w, "http://a.example:81/yes2"));
    seed(w, "https://a.example:81/"); /* another origin */
    w->now += 3000;
    robots(w, take(w, "https://a.example:81/robots.txt"), 404, "User-agent: *\nDisallow: /\n");
    w->now += 3000;
    done(w, take(w, "https://a.example:81/"));
}

static void an_unreachable_robots_hangs_the_crawl(void **state)
{
    struct world *w = *state;

    w->opt.ignore_robots = 0;
    world_again(w);
    seed(w, "http://a.example/1");
    seed(w, "http://a.example/2");
    seed(w, "http://b.example/");
    robots(w, take(w, "http://a.example/robots.txt"), 503, "User-agent: *\nDisallow:\n");
    robots(w, take(w, "http://b.example/robots.txt"), 200, "");
    done(w, take(w, "http://b.example/"));
    nothing(w, ERR_AGAIN, 1000);
    w->now += 1000;
    robots(w, take(w, "http://a.example/robots.txt"), 0, "");
    nothing(w, ERR_AGAIN, 4000);
    assert_int_equal(w->refused, 0); /* the pages wait */
    w->now += 4000;
    robots(w, take(w, "http://a.example/robots.txt"), 500, "");
    nothing(w, ERR_CLOSED, UINT64_MAX);
    assert_int_equal(w->refused, 2);
    assert_string_equal(w->reason, "robots_unreachable");
    seed(w, "http://a.example/3"); /* for a while it is not asked again */
    nothing(w, ERR_CLOSED, UINT64_MAX);
    assert_int_equal(w->refused, 3);
    add_up(w);
}

static void refusing_many_holds_the_caller_up(void **state)
{
    struct world *w = *state;
    char url[64];
    unsigned rounds = 0;
    struct frontier_item *item;
    uint64_t wait;

    w->opt.ignore_robots = 0;
    world_again(w);
    for (int i = 0; i < 1000; i++) {
        snprintf(url, sizeof url, "http://a.example/%d", i);
        seed(w, url);
    }
    robots(w, take(w, NULL), 200, "User-agent: *\nDisallow: /\n");
    while (frontier_take(w->f, w->now, &item, &wait) == ERR_AGAIN) {
        assert_int_equal(wait, 0);
        rounds++;
    }
    assert_int_equal(w->refused, 1000);
    assert_in_range(rounds, 3, 4);
}

/* Five hundred sites with the largest file each: their rules make room for each other and come back. */
static void rules_are_lost_when_memory_is_short(void **state)
{
    struct world *w = *state;
    enum { SITES = 60 };
    static char body[LIMIT_ROBOTS_BYTES];
    char url[64];

    w->opt.ignore_robots = 0;
    world_again(w);
    size_t n = (size_t)snprintf(body, sizeof body, "User-agent: *\nDisallow: /no\n");
    while (n + 32 < sizeof body)
        n += (size_t)snprintf(body + n, sizeof body - n, "Disallow: /%zu\xc3\xa4\n", n);
    for (int i = 0; i < SITES; i++) {
        for (int k = 0; k < 3; k++) {
            snprintf(url, sizeof url, "http://h%d.example/%s", i, k == 1 ? "no" : k ? "b" : "a");
            seed(w, url);
        }
    }
    for (int i = 0; i < SITES; i++)
        robots(w, take(w, NULL), 200, body);
    for (int i = 0; i < 2 * SITES; i++) {
        struct frontier_item *item = take(w, NULL);
        assert_false(item->is_robots);
        done(w, item);
    }
    nothing(w, ERR_CLOSED, UINT64_MAX);
    assert_int_equal(w->refused, SITES);
}

/* ---- the folder ---- */

static void ids_change_with_a_resume(void **state)
{
    struct world *w = *state;
    uint8_t id[RECORD_ID_BYTES];

    seed(w, "http://a.example/");
    struct frontier_item *item = take(w, NULL);
    memcpy(id, item->id, sizeof id);
    w->opt.job = 8; /* the folder was renamed: the job is still the same */
    world_again(w);
    item = take(w, NULL);
    assert_memory_equal(item->id, id, sizeof id);
    done(w, item);
    assert_int_equal(frontier_sync(w->f), 0);
}

static void a_second_process_or_damage_goes_unnoticed(void **state)
{
    struct world *w = *state;
    struct frontier *other;
    struct err err = { 0 };
    char path[300];

    assert_int_equal(frontier_open(w->dir, &w->opt, &other, &err), ERR_EXISTS);
    assert_null(other);
    assert_non_null(strstr(err.text, "in use by another trommel"));
    assert_non_null(strstr(err.text, w->dir));
    assert_int_equal(frontier_open("/nonexistent/x/y", &w->opt, &other, &err), ERR_IO);
    assert_non_null(strstr(err.text, "/nonexistent/x/y"));
    seed(w, "http://a.example/");
    frontier_close(w->f);
    w->f = NULL;
    snprintf(path, sizeof path, "%s/CURRENT", w->dir);
    FILE *current = fopen(path, "w");
    fputs("nothing\n", current);
    fclose(current);
    assert_int_equal(frontier_open(w->dir, &w->opt, &other, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "damaged"));
    frontier_close(NULL);
}

/* ---- many ---- */

static void many_hosts_take_too_much(void **state)
{
    struct world *w = *state;
    enum { HOSTS = 5000, EACH = 40 };
    struct frontier_link links[EACH];
    char text[EACH][48], url[48];
    uint64_t from = clock_mono_ms(), wait;
    struct frontier_item *item;
    unsigned taken = 0;

    w->opt.scope = SCOPE_ANY;
    world_again(w);
    for (int h = 0; h < HOSTS; h++) {
        snprintf(url, sizeof url, "http://h%d.example/", h);
        seed(w, url);
    }
    uint64_t seeded = clock_mono_ms();
    while (frontier_take(w->f, w->now, &item, &wait) == 0) {
        size_t n = 0;
        for (int i = 0; item->depth == 0 && i < EACH - 1; i++, n++) {
            snprintf(text[i], sizeof text[i], "%.*s%d", (int)item->url.n, item->url.p, i);
            links[i] = (struct frontier_link){ { text[i], strlen(text[i]) }, 0 };
        }
        frontier_transferred(w->f, item, w->now);
        assert_int_equal(frontier_done(w->f, &item, FRONTIER_DONE, 0, links, n), 0);
        taken++;
        if (taken == 2 * HOSTS)
            assert_int_equal(frontier_counts(w->f).hosts, HOSTS);
    }
    print_message("%u seeds in %llu ms; %u URLs over %u hosts in %llu ms\n", HOSTS,
                  (unsigned long long)(seeded - from), taken, HOSTS,
                  (unsigned long long)(clock_mono_ms() - seeded));
    assert_int_equal(taken, HOSTS * EACH);
    assert_int_equal(frontier_counts(w->f).hosts, 0);
    add_up(w);
}

/* ---- dead letters ---- */

static int settle(struct world *w, const uint8_t *id, const char *const *urls)
{
    static const char url[] = "http://a.test/bad";
    struct frontier_link links[8];
    size_t n = 0;

    for (; urls && urls[n]; n++)
        links[n] = (struct frontier_link){ { urls[n], strlen(urls[n]) }, 0 };
    return frontier_settle(w->f, id, (trommel_str){ url, sizeof url - 1 }, 2, links, n);
}

static void a_dead_letter_is_forgotten_or_settled_twice(void **state)
{
    struct world *w = *state;
    uint8_t good[RECORD_ID_BYTES], bad[RECORD_ID_BYTES];

    seed(w, "http://a.test/good");
    seed(w, "http://a.test/bad");
    struct frontier_item *item = take(w, "http://a.test/good");
    memcpy(good, item->id, sizeof good);
    done(w, item);
    item = take(w, "http://a.test/bad");
    memcpy(bad, item->id, sizeof bad);
    assert_int_equal(frontier_dead(w->f, bad), ERR_ABSENT); /* not ended yet */
    done_links(w, item, FRONTIER_DEAD, NULL);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(frontier_dead(w->f, bad), 1);
        assert_int_equal(frontier_dead(w->f, good), ERR_ABSENT);
        world_again(w);
    }
    assert_int_equal(settle(w, good, LINKS("http://a.test/never")), ERR_ABSENT);
    nothing(w, ERR_CLOSED, UINT64_MAX);
    assert_int_equal(settle(w, bad, LINKS("http://a.test/new", "http://other.test/", "http://a.test/good")), 0);
    assert_int_equal(frontier_dead(w->f, bad), 0);
    assert_int_equal(settle(w, bad, LINKS("http://a.test/never")), 0); /* it was: nothing is written */
    world_again(w);
    assert_int_equal(frontier_dead(w->f, bad), 0);
    item = take(w, "http://a.test/new"); /* in scope, not known, one deeper than the page */
    assert_int_equal(item->depth, 3);
    assert_true(item->via.n == 17 && !memcmp(item->via.p, "http://a.test/bad", 17));
    done(w, item);
    nothing(w, ERR_CLOSED, UINT64_MAX);
    add_up(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_order_is_not_breadth_first),
        TEST(the_window_loses_or_repeats_a_url),
        TEST(hosts_do_not_take_turns),
        TEST(the_delay_is_not_kept),
        TEST(a_host_gets_too_many_connections),
        TEST(links_out_of_scope_or_too_deep_are_queued),
        TEST(redirects_go_astray),
        TEST(what_is_no_url_becomes_a_seed),
        TEST(retries_come_too_early_or_never),
        TEST(a_site_that_fails_gets_all_its_urls),
        TEST(the_limit_of_pages_is_not_met),
        TEST(a_resume_begins_other_pages_than_were_begun),
        TEST(robots_is_not_asked_first),
        TEST(an_unreachable_robots_hangs_the_crawl),
        TEST(refusing_many_holds_the_caller_up),
        TEST(rules_are_lost_when_memory_is_short),
        TEST(ids_change_with_a_resume),
        TEST(a_second_process_or_damage_goes_unnoticed),
        TEST(a_dead_letter_is_forgotten_or_settled_twice),
        TEST(many_hosts_take_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
