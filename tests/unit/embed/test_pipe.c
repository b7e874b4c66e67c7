/* The pipeline inside a crawler's plugin, over a library that is made here: fails when a crawler's thread
 * goes on while its body is still needed, waits for ever when there was no room or the pipeline broke, or
 * when a page that was still waiting then is freed twice or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugin/embed/common/pipe.c"

enum { PAGES = 200 };

/* ---- the library: takes one page at a time, and has done with it in the next dispatch ---- */

static pthread_mutex_t lib = PTHREAD_MUTEX_INITIALIZER;
static int bell, is_failing;
static atomic_size_t n_taken, n_released, n_full_said;
static struct {
    void (*release)(void *);
    void *user;
    trommel_str body;
} held;
static char seen[PAGES][16];

static void ring(void)
{
    uint64_t one = 1;

    assert_int_equal(write(bell, &one, sizeof one), sizeof one);
}

int trommel_open(const trommel_options *opt, trommel **ret, trommel_error *err)
{
    *ret = (trommel *)&held;
    return 0;
}

int trommel_fd(const trommel *t)
{
    return bell;
}

int trommel_submit_ref(trommel *t, const trommel_input *in, void *user, void (*release)(void *),
                       trommel_error *err)
{
    int rc = 0;

    pthread_mutex_lock(&lib);
    if (held.release) {
        n_full_said++;
        rc = TROMMEL_FULL;
    } else {
        held.release = release;
        held.user = user;
        held.body = in->body;
        n_taken++;
    }
    pthread_mutex_unlock(&lib);
    ring();
    return rc;
}

static void release_held(int body_is_read)
{
    pthread_mutex_lock(&lib);
    void (*release)(void *) = held.release;
    void *user = held.user;
    if (release && body_is_read)
        memcpy(seen[n_released], held.body.p, held.body.n);
    n_released += release != NULL;
    held.release = NULL;
    pthread_mutex_unlock(&lib);
    if (release)
        release(user);
}

int trommel_dispatch(trommel *t, int timeout_ms, trommel_error *err)
{
    uint64_t n;

    if (read(bell, &n, sizeof n) < 0)
        return TROMMEL_AGAIN;
    if (is_failing) {
        snprintf(err->text, sizeof err->text, "the sink is in trouble");
        return -3;
    }
    release_held(1);
    return 1;
}

int trommel_flush(trommel *t, int timeout_ms, trommel_error *err)
{
    return 0;
}

void trommel_close(trommel *t)
{
    release_held(0);
}

/* ---- a crawler ---- */

static char words[4000];

static void hear(int is_error, const char *text)
{
    static pthread_mutex_t said = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&said);
    size_t n = strlen(words);
    snprintf(words + n, sizeof words - n, "%s\n", text);
    pthread_mutex_unlock(&said);
}

static void begin(int failing)
{
    static struct settings settings;
    const char *why;

    settings.out = (char *)(uintptr_t) "null:";
    bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    is_failing = failing;
    n_taken = n_released = n_full_said = 0;
    broken = stopping = 0;
    handed = lost = 0;
    words[0] = 0;
    assert_int_equal(pipe_open(&settings, hear, &why), 0);
}

static void end(void)
{
    pipe_close();
    close(bell);
}

static int put(char *body)
{
    trommel_input in = { .status = 200, .url = { "http://a/", 9 }, .body = { body, strlen(body) + 1 } };

    return pipe_put(&in);
}

/* The body is as it was given, although its place is used again at once. */
static void body_stays_until_it_is_not_needed(void **state)
{
    begin(0);
    for (int i = 0; i < PAGES; i++) {
        char body[16] = "", want[16] = "";
        snprintf(body, sizeof body, "page %d", i);
        snprintf(want, sizeof want, "page %d", i);
        assert_int_equal(put(body), 0);
        assert_int_equal(n_released, i + 1);
        memset(body, 'x', sizeof body);
        assert_string_equal(seen[i], want);
    }
    end();
    assert_int_equal(n_taken, PAGES);
}

static void *crawl(void *arg)
{
    char body[] = "page";

    for (int i = 0; i < PAGES / 4; i++)
        if (put(body) != 0)
            return arg;
    return NULL;
}

static void crawl_by_four(int must_succeed)
{
    pthread_t threads[4];
    void *failed = NULL;

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crawl, words), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &failed);
        if (must_succeed)
            assert_null(failed);
    }
}

/* A page for which there is no room is handed in again, and once. */
static void every_page_gets_in(void **state)
{
    begin(0);
    crawl_by_four(1);
    end();
    assert_int_equal(n_taken, PAGES);
    assert_int_equal(n_released, PAGES);
    assert_int_equal(lost, 0);
}

/* One page is held and never released by a dispatch; nobody waits for it or behind it for ever. */
static void broken_pipeline_holds_nobody(void **state)
{
    begin(1);
    crawl_by_four(0);
    assert_int_equal(n_taken, 1);
    assert_int_equal(n_released, 0);
    end(); /* gives the page back that was left behind */
    assert_int_equal(n_released, 1);
    assert_non_null(strstr(words, "the sink is in trouble; no more records are made"));
    assert_non_null(strstr(words, "http://a/: the pipeline has ended; no record"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(body_stays_until_it_is_not_needed),
        cmocka_unit_test(every_page_gets_in),
        cmocka_unit_test(broken_pipeline_holds_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
