/* The frontier under kill -9: a child crawls a made-up site and is ended at a random moment, again and again,
 * until one of them finds nothing more.  Each name ends "fails when …".
 *
 * The child's journal (one write(2) a line) says what it did: T taken, B about to end, D ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "folder.h"
#include "frontier/frontier.h"

enum { PAGES = 20000, HOSTS = 37, HELD = 24, ROUNDS_MAX = 1000 };

/* A page's number is its address; it links to three more, and to the first. */
static void url_of(char *url, size_t n, unsigned page)
{
    snprintf(url, n, "http://h%u.example/%u", page % HOSTS, page);
}

static unsigned page_of(trommel_str url)
{
    size_t n = url.n;

    while (n && url.p[n - 1] != '/')
        n--;
    return (unsigned)strtoul(url.p + n, NULL, 10);
}

static void note(int journal, char what, unsigned page)
{
    char line[16] = { 0 };
    int n = snprintf(line, sizeof line, "%c %08u\n", what, page);

    if (write(journal, line, (size_t)n) != n)
        _exit(9);
}

/* Of the last third, every fifth leads on to the page after it. */
static int redirects(unsigned page)
{
    return page > PAGES / 3 * 2 && page % 5 == 0 && page + 1 < PAGES;
}

/* Every seventh is tried twice. */
static void page_end(struct frontier *f, int journal, struct frontier_item *item)
{
    unsigned page = page_of(item->url);
    struct frontier_link links[4];
    char text[4][48];
    size_t n = 0;
    int redirect = redirects(page);

    if (page % 7 == 3 && item->attempt == 1) {
        if (frontier_done(f, &item, FRONTIER_RETRY, 0, NULL, 0) < 0)
            _exit(8);
        return;
    }
    for (unsigned to = redirect ? page + 1 : page * 3 + 1; n < (redirect ? 1u : 3u) && to < PAGES; to++, n++)
        url_of(text[n], sizeof text[n], to);
    if (!redirect)
        url_of(text[n++], sizeof text[0], 0);
    for (size_t i = 0; i < n; i++)
        links[i] = (struct frontier_link){ { text[i], strlen(text[i]) }, 0 };
    note(journal, 'B', page);
    if (frontier_done(f, &item, redirect ? FRONTIER_REDIRECT : FRONTIER_DONE, 0, links, n) < 0)
        _exit(8);
    note(journal, 'D', page);
}

static int crawl(const char *dir, int journal, uint64_t pages_max)
{
    struct frontier_options opt = {
        .scope = SCOPE_ANY, .depth_max = 100, .per_host = 3, .ignore_robots = 1, .job = 1, .pages_max = pages_max
    };
    struct frontier_item *held[HELD];
    unsigned n = 0, turn = 0;
    struct frontier *f;
    struct err err;
    uint64_t wait;
    int rc;

    if (frontier_open(dir, &opt, &f, &err) < 0 || frontier_seed(f, "http://h0.example/0", &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 7;
    }
    do {
        while (n < HELD && (rc = frontier_take(f, 1000, &held[n], &wait)) == 0) {
            note(journal, 'T', page_of(held[n]->url));
            frontier_transferred(f, held[n], 1000);
            n++;
        }
        if (n < HELD && rc != ERR_AGAIN && rc != ERR_CLOSED)
            return 6;
        if (n) { /* not in the order in which they were taken */
            unsigned i = turn++ * 7 % n;
            struct frontier_item *item = held[i];
            held[i] = held[--n];
            page_end(f, journal, item);
        }
    } while (n || rc != ERR_CLOSED);
    struct frontier_counts c = frontier_counts(f);
    if (c.queued && !pages_max)
        return 5;
    if (c.known != c.queued + c.done || (!pages_max && c.done != PAGES))
        return 4;
    frontier_close(f);
    return 0;
}

static int crawl_until(const char *dir, const char *journal_path, uint64_t pages_max, unsigned us)
{
    fflush(NULL);
    pid_t pid = fork();

    if (pid == 0) {
        struct itimerval at = { .it_value = { us / 1000000, us % 1000000 } };
        int journal = open(journal_path, O_WRONLY | O_CREAT | O_APPEND, 0666);
        signal(SIGALRM, SIG_DFL); /* ends the process where it stands, as SIGKILL does */
        setitimer(ITIMER_REAL, &at, NULL);
        _exit(crawl(dir, journal, pages_max));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGALRM);
        return 0;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return 1;
}

struct tale {
    unsigned ended[PAGES], begun[PAGES], taken_after_end;
    unsigned n_begun; /* that are pages */
};

static void journal_read(const char *path, struct tale *t)
{
    FILE *f = fopen(path, "r");
    unsigned page;
    char what;

    assert_non_null(f);
    while (fscanf(f, "%c %u\n", &what, &page) == 2) {
        assert_in_range(page, 0, PAGES - 1);
        if (what == 'T')
            t->taken_after_end += t->ended[page];
        else if (what == 'B')
            t->n_begun += !t->begun[page]++ && !redirects(page);
        else
            t->ended[page]++;
    }
    fclose(f);
}

/* Returns how often it was ended. */
static unsigned killed_crawl(uint64_t pages_max, struct tale *t)
{
    char *dir = folder_new(), path[300];
    unsigned kills = 0, us = 20000;

    snprintf(path, sizeof path, "%s/journal", dir);
    srand(4711);
    while (!crawl_until(dir, path, pages_max, us)) {
        assert_in_range(++kills, 1, ROUNDS_MAX);
        us = 5000 + (unsigned)rand() % 30000 + kills * 500; /* longer each time, so that it ends anywhere */
    }
    journal_read(path, t);
    folder_remove(dir);
    return kills;
}

static void a_killed_crawl_loses_or_repeats_a_page(void **state)
{
    struct tale *t = calloc(1, sizeof *t);
    unsigned kills = killed_crawl(0, t);

    print_message("%u kills\n", kills);
    assert_int_equal(t->taken_after_end, 0);
    for (unsigned i = 0; i < PAGES; i++) {
        assert_true(t->begun[i] >= 1);
        assert_true(t->ended[i] <= 1);
    }
    free(t);
}

static void a_killed_crawl_exceeds_its_pages(void **state)
{
    struct tale *t = calloc(1, sizeof *t);
    enum { MOST = 10000 };
    unsigned kills = killed_crawl(MOST, t);

    print_message("%u kills\n", kills);
    assert_int_equal(t->taken_after_end, 0);
    assert_int_equal(t->n_begun, MOST); /* also of those whose end was not written down: no others came instead */
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_crawl_loses_or_repeats_a_page),
        cmocka_unit_test(a_killed_crawl_exceeds_its_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
