/* exec stages with real workers and a real program: this one, started again as `test_exec program MODE
 * FIFO`.
 *
 * The program, and all that it starts, hold the FIFO open for writing: its end of file says that nobody is
 * left. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "chain/edit.h"
#include "chain/exec.h"
#include "chain/pool.h"
#include "tests/unit/chain/built.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1 /* reserves terabytes of address space */
#else
#define SANITIZED 0
#endif
enum { PAGES_MAX = 40, WAIT_MS = 300000 };

/* ---- the program ---- */

static int alive = -1; /* the FIFO */

static int take(void *to, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = read(0, (char *)to + at, n - at);
        if (got <= 0)
            return -1;
        at += (size_t)got;
    }
    return 0;
}

static void give(const void *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t put = write(1, (const char *)p + at, n - at);
        if (put <= 0)
            exit(9);
        at += (size_t)put;
    }
}

static void give_head(size_t n)
{
    unsigned char head[4] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
                              (unsigned char)n };

    give(head, 4);
}

static void give_frame(struct buf *b)
{
    give_head(b->len);
    give(b->data, b->len);
    buf_clear(b);
}

static unsigned char *take_frame(size_t *n)
{
    unsigned char head[4], *p;

    if (take(head, 4))
        return NULL;
    *n = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    p = malloc(*n + 1);
    if (!p || take(p, *n))
        exit(8);
    return p;
}

static void say_hello(struct buf *b, int v)
{
    mp_map(b, 5);
    mp_cstr(b, "v");
    mp_int(b, v);
    mp_cstr(b, "type");
    mp_cstr(b, "hello");
    mp_cstr(b, "name");
    mp_cstr(b, "test");
    mp_cstr(b, "more"); /* what is not known in a hello is for later versions */
    mp_nil(b);
    mp_cstr(b, "reasons");
    mp_array(b, 2);
    mp_cstr(b, "few");
    mp_cstr(b, "spam");
    give_frame(b);
}

/* {n, KEY: …}: the value is the caller's to write. */
static void answer(struct buf *b, uint64_t n, const char *key)
{
    mp_map(b, key ? 2 : 1);
    mp_cstr(b, "n");
    mp_uint(b, n);
    if (key)
        mp_cstr(b, key);
}

static void answer_put(struct buf *b, uint64_t n, const char *key)
{
    answer(b, n, "put");
    mp_map(b, 1);
    mp_cstr(b, key);
}

static void hang(void)
{
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_IGN);
    for (;;)
        pause();
}

/* Three that would stay: a child, one in a session of its own, one whose parent is gone. */
static void brood(void)
{
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid)
            continue;
        if (i)
            setsid();
        if (i == 2 && fork())
            _exit(0);
        hang();
    }
}

static void burn(long ms)
{
    struct timespec t;

    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < ms);
}

static uint64_t eat(void)
{
    uint64_t mib = 0;
    void *p;

    while (mib < 4096 && (p = malloc(1 << 20))) {
        memset(p, 1, 1 << 20);
        mib++;
    }
    return mib;
}

static int file_errno(void)
{
    char path[] = "/tmp/trommel-exec.XXXXXX";
    int fd = mkstemp(path), rc;

    rc = fd < 0 ? errno : write(fd, "x", 1) < 0 ? errno : 0;
    unlink(path);
    return rc;
}

/* Whatever is open but 0 to 2 and the FIFO. */
static int fds_more(void)
{
    int n = 0;

    for (int fd = 3; fd < 300; fd++)
        n += fd != alive && fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void put_text(struct buf *b, uint64_t n, const char *key, const char *text)
{
    answer_put(b, n, key);
    mp_cstr(b, text ? text : "none");
}

/* Marks that only say something. */
static int say(struct buf *b, uint64_t n, const char *mark, size_t page_bytes)
{
    char text[PATH_MAX];

    if (!strcmp(mark, "LENGTH")) {
        answer_put(b, n, "length");
        mp_uint(b, page_bytes);
    } else if (!strcmp(mark, "FILE")) {
        put_text(b, n, "file", strerror(file_errno()));
    } else if (!strcmp(mark, "PROFILE")) {
        struct rlimit core = { 1, 1 }, files = { 0, 0 };
        getrlimit(RLIMIT_CORE, &core);
        getrlimit(RLIMIT_NOFILE, &files);
        snprintf(text, sizeof text, "privileges %d, core %d, files %d, group %d",
                 prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), (int)core.rlim_cur, (int)files.rlim_cur,
                 getpgrp() == getpid());
        put_text(b, n, "profile", text);
    } else if (!strcmp(mark, "FDS")) {
        answer_put(b, n, "fds");
        mp_int(b, fds_more());
    } else if (!strcmp(mark, "DIR")) {
        put_text(b, n, "dir", getcwd(text, sizeof text));
    } else if (!strcmp(mark, "ENV")) {
        snprintf(text, sizeof text, "%s %s %s", getenv("TROMMEL_STAGE"),
                 getenv("TEST_SECRET") ? "leaked" : "clean", getenv("TEST_KEY") ? "given" : "missing");
        put_text(b, n, "env", text);
    } else if (!strcmp(mark, "EAT")) {
        answer_put(b, n, "ate");
        mp_uint(b, eat());
    } else if (!strcmp(mark, "DROP") || !strcmp(mark, "BADDROP")) {
        answer(b, n, "drop");
        mp_cstr(b, !strcmp(mark, "DROP") ? "few" : "many");
    } else if (!strcmp(mark, "ERROR")) {
        answer(b, n, "error");
        mp_cstr(b, "cannot read this");
    } else if (!strcmp(mark, "RETRY")) {
        answer(b, n, "retry");
        mp_bool(b, 1);
    } else if (!strcmp(mark, "KEY")) {
        answer(b, n, "puts");
        mp_nil(b);
    } else if (!strcmp(mark, "LONGKEY")) {
        put_text(b, n, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "");
    } else if (!strcmp(mark, "UTF8")) {
        put_text(b, n, "a", "\xff");
    } else if (!strcmp(mark, "BIG")) {
        char *big = calloc(1, LIMIT_EXTRA_BYTES + 1);
        answer_put(b, n, "big");
        mp_bin(b, big, LIMIT_EXTRA_BYTES + 1);
        free(big);
    } else if (!strcmp(mark, "OTHER")) {
        answer(b, n + 1, NULL);
    } else if (!strcmp(mark, "LIST")) {
        mp_array(b, 0);
    } else {
        return -1;
    }
    give_frame(b);
    return 0;
}

/* Marks that do something. */
static int act(struct buf *b, uint64_t n, const char *mark)
{
    if (!strcmp(mark, "EXIT"))
        exit(5);
    if (!strcmp(mark, "SEGV")) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
    if (!strcmp(mark, "NEVER"))
        hang();
    if (!strcmp(mark, "BROOD")) {
        brood();
        hang();
    }
    if (!strcmp(mark, "LEAVE")) {
        brood();
        exit(0);
    }
    if (!strcmp(mark, "STDOUT")) {
        close(1);
        hang();
    }
    if (!strcmp(mark, "HUGE")) {
        give_head(1u << 30);
        hang();
    }
    if (!strcmp(mark, "JUNK")) {
        give_head(5);
        give("\xc1\xc1\xc1\xc1\xc1", 5);
        return 0;
    }
    if (!strcmp(mark, "BURN"))
        burn(60);
    if (!strcmp(mark, "STDERR"))
        fprintf(stderr, "a line of the program\n");
    if (!strcmp(mark, "TWICE")) {
        answer(b, n, NULL);
        give_frame(b);
    }
    if (!strcmp(mark, "STDIN"))
        close(0);
    put_text(b, n, "seen", mark);
    give_frame(b);
    return 0;
}

static int serve(struct buf *b)
{
    unsigned char *p;
    size_t n;

    while ((p = take_frame(&n))) {
        struct mp_value number = { 0 };
        char mark[40] = "";
        p[n] = 0;
        const char *at = memmem(p, n, "MARK-", 5);
        if (at)
            sscanf(at, "MARK-%30[A-Z0-9]", mark);
        if (record_get(p, n, "n", &number))
            exit(7);
        if (say(b, number.u.u, mark, n))
            act(b, number.u.u, mark);
        free(p);
    }
    return 0;
}

static int program(const char *mode, const char *fifo)
{
    struct buf b = BUF_INIT(4u << 20);
    unsigned char *hello;
    size_t n;
    int rc;

    alive = open(fifo, O_WRONLY);
    if (alive < 0 || dprintf(alive, "%d\n", (int)getpid()) < 0)
        return 6;
    if (!strcmp(mode, "exit"))
        return 3;
    if (!strcmp(mode, "silent"))
        hang();
    if (!strcmp(mode, "words"))
        return printf("Hello, world: a program that prints\n") < 0 || fflush(stdout) || (hang(), 0);
    if (!strcmp(mode, "list")) {
        mp_array(&b, 0);
        give_frame(&b);
        hang();
    }
    hello = take_frame(&n);
    if (!hello || record_get_str(hello, n, "stage").n < 4)
        return 4;
    free(hello);
    if (!strcmp(mode, "shut"))
        close(0);
    say_hello(&b, !strcmp(mode, "old") ? 0 : 1);
    if (!strcmp(mode, "shut"))
        hang();
    if (!strcmp(mode, "deaf"))
        hang();
    rc = serve(&b);
    buf_release(&b);
    return rc;
}

/* ---- the test ---- */

struct got {
    unsigned times;
    enum outcome outcome;
    int retry;
    char reason[80], stage[80], message[400], x[400];
};
struct seen {
    struct got pages[PAGES_MAX];
    unsigned results;
    char log[8000];
};

static void copy(char *to, size_t n, trommel_str s)
{
    snprintf(to, n, "%.*s", (int)s.n, s.n ? s.p : "");
}

/* `x` of the record as JSON. */
static void copy_x(char *to, size_t n, trommel_str record)
{
    struct buf json = BUF_INIT(4u << 20);
    const char *at;

    assert_int_equal(record_json(record.p, record.n, &json), 0);
    at = strstr(buf_cstr(&json), "\"x\":");
    snprintf(to, n, "%s", at ? at : "");
    buf_release(&json);
}

static void on_result(void *arg, void *user, const struct pool_result *r)
{
    struct seen *seen = arg;
    struct got *g = &seen->pages[(uintptr_t)user];

    g->times++;
    seen->results++;
    g->outcome = r->outcome;
    g->retry = r->retry;
    copy(g->reason, sizeof g->reason, r->reason);
    copy(g->stage, sizeof g->stage, r->stage);
    copy(g->message, sizeof g->message, record_get_str(r->record.p, r->record.n, "error.message"));
    copy_x(g->x, sizeof g->x, r->record);
}

static void on_log(void *arg, int level, const char *line)
{
    struct seen *seen = arg;

    (void)level;
    if (strlen(seen->log) + strlen(line) + 2 < sizeof seen->log)
        strcat(strcat(seen->log, line), "\n");
}

static struct place { /* a folder with a FIFO in it */
    char dir[60], fifo[80];
    int fd;
} at;

static int place_make(void **state)
{
    (void)state;
    snprintf(at.dir, sizeof at.dir, "/tmp/trommel-exec.XXXXXX");
    if (!mkdtemp(at.dir))
        return -1;
    snprintf(at.fifo, sizeof at.fifo, "%s/alive", at.dir);
    if (mkfifo(at.fifo, 0600))
        return -1;
    at.fd = open(at.fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return at.fd < 0 || close(open(at.fifo, O_WRONLY | O_CLOEXEC)); /* from now on nobody is there */
}

static int place_remove(void **state)
{
    char command[100];

    (void)state;
    close(at.fd);
    snprintf(command, sizeof command, "rm -r %s", at.dir);
    return system(command);
}

static const char *self(void)
{
    static char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    assert_true(n > 0);
    path[n] = 0;
    return path;
}

/* sets: NULL at the end.  The command of the stage `exec` is this program in `mode`; NULL: none is set. */
static int open_pool(struct seen *seen, const char *const *refs, const char *mode, const char *const *sets,
                     struct pool **ret, struct err *err)
{
    struct pool_options opt = { .workers = 1,
                                .page_ms = 60000,
                                .stage_ms = 60000,
                                .on_result = on_result,
                                .on_log = on_log,
                                .arg = seen,
                                .worker_path = built("trommel-worker") };
    char *dir = built("stage"), text[2 * PATH_MAX];
    struct chain_config c = { 0 };
    int rc = 0;

    *ret = NULL;
    c.items = calloc(16, sizeof *c.items);
    for (; refs[c.n_items]; c.n_items++)
        c.items[c.n_items].ref =
            refs[c.n_items][0] == '/' ? built(refs[c.n_items] + 1) : strdup(refs[c.n_items]);
    for (size_t i = 0; mode && i < c.n_items; i++) {
        snprintf(text, sizeof text, "%s.command='%s' program %s \"%s\"", refs[i], self(), mode, at.fifo);
        assert_int_equal(chain_config_set(&c, text, err), 0);
        snprintf(text, sizeof text, "%s.deadline_ms=50000", refs[i]);
        assert_int_equal(chain_config_set(&c, text, err), 0);
        snprintf(text, sizeof text, "%s.send=url,body", refs[i]);
        assert_int_equal(chain_config_set(&c, text, err), 0);
        snprintf(text, sizeof text, "%s.memory_mb=0", refs[i]);
        assert_int_equal(chain_config_set(&c, text, err), 0);
    }
    for (; sets && *sets && !rc; sets++)
        rc = chain_config_set(&c, *sets, err);
    rc = rc ? rc : chain_config_find(&c, dir, err);
    if (rc)
        chain_config_release(&c);
    else
        rc = pool_open(&opt, &c, ret, err);
    free(dir);
    free((char *)(uintptr_t)opt.worker_path);
    return rc;
}

static const char *const one_exec[] = { "exec", NULL };

static struct pool *pool_with(struct seen *seen, const char *const *sets)
{
    struct err err = { 0 };
    struct pool *p;

    if (open_pool(seen, one_exec, "good", sets, &p, &err))
        fail_msg("%s\n%s", err.text, seen->log);
    return p;
}

static void submit_bytes(struct pool *p, unsigned i, const char *html, size_t n)
{
    struct pool_page page = { .head = { .status = 200, .fetched_ms = 1764000000000 }, .body = { html, n } };

    page.head.url = page.head.final_url = (trommel_str){ "http://t.test/", 14 };
    page.content_type = (trommel_str){ "text/html; charset=utf-8", 24 };
    memcpy(page.head.id, &i, sizeof i);
    assert_int_equal(pool_submit(p, &page, (void *)(uintptr_t)i), 0);
}

static void drain(struct pool *p)
{
    struct err err = { 0 };

    while (pool_pending(p))
        if (pool_dispatch(p, -1, &err) < 0)
            fail_msg("%s", err.text);
}

/* One page through to its result. */
static const struct got *run(struct pool *p, struct seen *seen, unsigned i, const char *mark)
{
    char html[200];
    int n = snprintf(html, sizeof html, "<p>a page with MARK-%s</p>", mark);

    submit_bytes(p, i, html, (size_t)n);
    drain(p);
    assert_int_equal(seen->pages[i].times, 1);
    return &seen->pages[i];
}

static void expect_ok(const struct got *g, const char *x)
{
    if (g->outcome != OUTCOME_OK || !strstr(g->x, x))
        fail_msg("%s, reason %s, %s; x: %s", outcome_name(g->outcome), g->reason, g->message, g->x);
}

static void expect_bad(const struct got *g, const char *reason, const char *part)
{
    if (g->outcome != OUTCOME_QUARANTINED || strcmp(g->reason, reason) || strcmp(g->stage, "exec") ||
        !strstr(g->message, part))
        fail_msg("%s, reason %s, stage %s, %s", outcome_name(g->outcome), g->reason, g->stage, g->message);
}

/* Programs that were started since the last call; the pid of the last one. */
static unsigned starts(int *ret_pid)
{
    static char text[4000];
    unsigned count = 0;
    ssize_t n;

    while ((n = read(at.fd, text, sizeof text - 1)) > 0) {
        text[n] = 0;
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            count++;
            if (ret_pid)
                *ret_pid = atoi(line);
        }
    }
    return count;
}

/* The end of file comes when nobody holds the FIFO any longer. */
static void expect_nobody(void)
{
    struct pollfd f = { .fd = at.fd, .events = POLLIN };
    char rest[4000];
    ssize_t n;

    do {
        assert_int_equal(poll(&f, 1, WAIT_MS), 1);
        n = read(at.fd, rest, sizeof rest);
    } while (n > 0);
    assert_int_equal(n, 0);
}

static void a_field_of_a_program_is_lost(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct pool *p = pool_with(seen, NULL);

    (void)state;
    expect_ok(run(p, seen, 0, "A"), "\"x\":{\"exec\":{\"seen\":\"A\"}}");
    expect_ok(run(p, seen, 1, "B"), "\"x\":{\"exec\":{\"seen\":\"B\"}}");
    assert_int_equal(starts(NULL), 1);
    pool_close(p);
    expect_nobody();
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    free(seen);
}

static void two_programs_are_one(void **state)
{
    const char *const refs[] = { "exec", "exec.two", NULL };
    struct seen *seen = calloc(1, sizeof *seen);
    struct err err = { 0 };
    struct pool *p;

    (void)state;
    if (open_pool(seen, refs, "good", NULL, &p, &err))
        fail_msg("%s", err.text);
    assert_int_equal(starts(NULL), 2);
    expect_ok(run(p, seen, 0, "A"), "\"exec\":{\"seen\":\"A\"},\"exec.two\":{\"seen\":\"A\"}");
    run(p, seen, 1, "ENV");
    expect_ok(&seen->pages[1], "\"exec.two\":{\"env\":\"exec.two clean missing\"}");
    pool_close(p);
    expect_nobody();
    free(seen);
}

static void a_verdict_is_taken_for_another(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct pool *p = pool_with(seen, NULL);
    const struct got *g = run(p, seen, 0, "DROP");

    (void)state;
    assert_int_equal(g->outcome, OUTCOME_DROPPED);
    assert_string_equal(g->reason, "few");
    assert_string_equal(g->stage, "exec");
    g = run(p, seen, 1, "RETRY");
    assert_int_equal(g->retry, 1);
    assert_string_equal(g->reason, "program_retry");
    expect_bad(run(p, seen, 2, "ERROR"), "program_error", "cannot read this");
    expect_ok(run(p, seen, 3, "A"), "seen");
    assert_int_equal(starts(NULL), 1); /* all of it was said by one program */
    pool_close(p);
    expect_nobody();
    free(seen);
}

/* What is wrong with an answer is that page's business: the program goes on. */
static void a_bad_answer_costs_more_than_its_page(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct pool *p = pool_with(seen, NULL);

    (void)state;
    expect_bad(run(p, seen, 0, "KEY"), "bad_answer", "unknown key `puts`");
    expect_bad(run(p, seen, 1, "BADDROP"), "bad_answer", "`many` is none of the reasons");
    expect_bad(run(p, seen, 2, "BIG"), "bad_answer", "`big` cannot be taken: over the limits");
    expect_bad(run(p, seen, 3, "LONGKEY"), "bad_answer", "keys are 1 to 64 bytes");
    expect_bad(run(p, seen, 4, "UTF8"), "bad_answer", "UTF-8");
    expect_ok(run(p, seen, 5, "A"), "seen");
    assert_int_equal(starts(NULL), 1);
    pool_close(p);
    expect_nobody();
    free(seen);
}

/* A program that has answered before gets a second chance with the page, in a fresh process; then the page
 * is quarantined, and the next one is served by a third. */
static void expect_replaced(const char *mark, const char *reason, const char *part)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct pool *p = pool_with(seen, NULL);

    expect_ok(run(p, seen, 0, "A"), "seen");
    expect_bad(run(p, seen, 1, mark), reason, part);
    expect_ok(run(p, seen, 2, "B"), "\"seen\":\"B\"");
    assert_int_equal(starts(NULL), 3);
    pool_close(p);
    expect_nobody();
    free(seen);
}

static void a_program_that_dies_costs_other_pages(void **state)
{
    (void)state;
    expect_replaced("EXIT", "exec_died", "before its answer (status 5)");
    expect_replaced("SEGV", "exec_died", "before its answer (signal 11");
    expect_replaced("STDOUT", "exec_died", "closed its standard output");
    expect_replaced("LEAVE", "exec_died", "(status 0)");
}

static void nonsense_is_believed(void **state)
{
    (void)state;
    expect_replaced("HUGE", "exec_protocol", "begins no frame");
    expect_replaced("JUNK", "exec_protocol", "not one msgpack map");
    expect_replaced("LIST", "exec_protocol", "not one msgpack map");
    expect_replaced("OTHER", "exec_protocol", "an answer to page");
}

/* The second answer is seen when the next page's is wanted: that page is innocent, and runs again. */
static void a_second_answer_is_the_next_pages(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct pool *p = pool_with(seen, NULL);

    (void)state;
    run(p, seen, 0, "TWICE");
    assert_int_equal(seen->pages[0].outcome, OUTCOME_OK);
    expect_ok(run(p, seen, 1, "B"), "\"seen\":\"B\"");
    assert_int_equal(starts(NULL), 2);
    pool_close(p);
    expect_nobody();
    free(seen);
}

/* It answers this page and hears no other: the next one finds the pipe without a reader, or no answer
 * comes. */
static void a_program_that_hears_no_more_is_kept(void **state)
{
    const char *const sets[] = { "exec.deadline_ms=50000", NULL };
    struct seen *seen = calloc(1, sizeof *seen);
    struct pool *p = pool_with(seen, sets);

    (void)state;
    expect_ok(run(p, seen, 0, "STDIN"), "seen");
    expect_ok(run(p, seen, 1, "B"), "\"seen\":\"B\"");
    assert_int_equal(starts(NULL), 2);
    pool_close(p);
    expect_nobody();
    free(seen);
}

static void wait_dead(int pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd f = { .fd = fd, .events = POLLIN };

    if (fd < 0)
        return; /* reaped already */
    assert_int_equal(poll(&f, 1, WAIT_MS), 1);
    close(fd);
}

/* Killed while it waits, before it has answered anything: the next page is not to blame. */
static void a_program_killed_while_idle_costs_a_page(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct pool *p = pool_with(seen, NULL);
    int pid = 0;

    (void)state;
    assert_int_equal(starts(&pid), 1);
    kill(pid, SIGKILL);
    wait_dead(pid);
    expect_ok(run(p, seen, 0, "A"), "\"seen\":\"A\"");
    assert_int_equal(starts(NULL), 1);
    pool_close(p);
    expect_nobody();
    free(seen);
}

/* One that takes no page: each is tried with three, since none has begun with it, and says so. */
static void a_page_not_begun_is_to_blame(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    const char *said = seen->log;
    struct err err = { 0 };
    struct pool *p;
    unsigned n = 0;

    (void)state;
    assert_int_equal(open_pool(seen, one_exec, "shut", NULL, &p, &err), 0);
    expect_bad(run(p, seen, 0, "A"), "exec_died", "ended while it had nothing to do");
    while ((said = strstr(said, "ended while it had nothing to do")) && said++)
        n++;
    assert_int_equal(n, 3);
    pool_close(p);
    expect_nobody();
    free(seen);
}

static void a_program_without_answer_is_waited_for(void **state)
{
    static const char *const marks[] = { "NEVER", "BROOD" };
    const char *const sets[] = { "exec.deadline_ms=100", NULL };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct seen *seen = calloc(1, sizeof *seen);
        struct pool *p = pool_with(seen, sets);
        expect_bad(run(p, seen, 0, marks[i]), "timeout", "");
        pool_close(p);
        expect_nobody(); /* SIGTERM is ignored, and there are grandchildren */
        free(seen);
    }
}

static void a_large_page_does_not_pass(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct pool *p = pool_with(seen, NULL);
    size_t n = 6u << 20;
    char *html = malloc(n);

    (void)state;
    memset(html, 'a', n);
    memcpy(html, "<p>MARK-LENGTH ", 15);
    submit_bytes(p, 0, html, n);
    drain(p);
    expect_ok(&seen->pages[0], "\"length\":6291");
    pool_close(p);
    expect_nobody();
    free(html);
    free(seen);
}

/* More than a pipe holds, to one that does not read. */
static void a_deaf_program_blocks_the_worker(void **state)
{
    const char *const sets[] = { "exec.deadline_ms=100", NULL };
    struct seen *seen = calloc(1, sizeof *seen);
    char *html = calloc(1, 2u << 20);
    struct err err = { 0 };
    struct pool *p;

    (void)state;
    memset(html, 'a', 2u << 20);
    assert_int_equal(open_pool(seen, one_exec, "deaf", sets, &p, &err), 0);
    submit_bytes(p, 0, html, 2u << 20);
    drain(p);
    expect_bad(&seen->pages[0], "timeout", "");
    pool_close(p);
    expect_nobody();
    free(html);
    free(seen);
}

static void a_program_has_more_than_its_profile(void **state)
{
    const char *const sets[] = { "exec.memory_mb=96", "exec.env=TEST_KEY, TEST_OTHER", NULL };
    struct seen *seen = calloc(1, sizeof *seen);
    char *cwd = getcwd(NULL, 0), want[PATH_MAX + 20];
    struct pool *p;

    (void)state;
    setenv("TEST_SECRET", "1", 1);
    setenv("TEST_KEY", "1", 1);
    p = pool_with(seen, SANITIZED ? sets + 1 : sets);
    expect_ok(run(p, seen, 0, "FDS"), "\"fds\":0");
    expect_ok(run(p, seen, 1, "FILE"), "\"file\":\"File too large\"");
    expect_ok(run(p, seen, 2, "ENV"), "\"env\":\"exec clean given\"");
    snprintf(want, sizeof want, "\"dir\":\"%s\"", cwd);
    expect_ok(run(p, seen, 3, "DIR"), want);
    expect_ok(run(p, seen, 5, "PROFILE"), "\"profile\":\"privileges 1, core 0, files 256, group 1\"");
    if (!SANITIZED) {
        int mib = -1;
        run(p, seen, 4, "EAT");
        sscanf(strstr(seen->pages[4].x, "ate\":") ? strstr(seen->pages[4].x, "ate\":") + 5 : "", "%d", &mib);
        assert_in_range(mib, 1, 96);
    }
    pool_close(p);
    expect_nobody();
    free(cwd);
    free(seen);
}

/* A dispatch waits for results: short ones, so that a line is seen when it is there. */
static void log_wait(struct pool *p, const struct seen *seen, const char *part)
{
    uint64_t until = clock_mono_ms() + WAIT_MS;
    struct err err = { 0 };

    while (!strstr(seen->log, part) && pool_dispatch(p, 10, &err) >= 0)
        if (clock_mono_ms() > until)
            fail_msg("no `%s` in the log: %s", part, seen->log);
    assert_non_null(strstr(seen->log, part));
}

static void words_of_a_program_are_lost(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct pool *p = pool_with(seen, NULL);

    (void)state;
    run(p, seen, 0, "STDERR");
    log_wait(p, seen, "exec: a line of the program\n");
    pool_close(p);
    expect_nobody();
    free(seen);
}

static void time_of_a_program_is_not_counted(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct pool *p = pool_with(seen, NULL);

    (void)state;
    run(p, seen, 0, "BURN");
    assert_true(pool_cpu_us(p) >= 60000);
    run(p, seen, 1, "EXIT");
    assert_true(pool_cpu_us(p) >= 60000); /* of one that is dead, too */
    pool_close(p);
    expect_nobody();
    free(seen);
}

/* Another generation has programs of its own; those of the old one end with it. */
static void a_program_stays_when_its_generation_goes(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct pool *p = pool_with(seen, NULL);
    const struct pool_gen_options opt = { 0 };
    struct pool_gen_stats stats = { 0 };
    struct chain_config c = { 0 };
    struct err err = { 0 };
    int old = 0, pid = 0;
    uint32_t next;

    (void)state;
    assert_int_equal(starts(&old), 1);
    assert_int_equal(chain_config_copy(pool_gen_config(p, pool_chain(p).generation), &c, &err), 0);
    assert_int_equal(pool_gen_start(p, &c, &opt, &next, &err), 0);
    while (!pool_gen_stats(p, next, &stats) && stats.state != POOL_GEN_READY)
        assert_true(pool_dispatch(p, 10, &err) >= 0);
    assert_int_equal(starts(&pid), 1);
    assert_int_equal(pool_gen_live(p, next), 0);
    pool_gen_end(p, 1);
    while (!pool_gen_stats(p, 1, &stats))
        assert_true(pool_dispatch(p, 10, &err) >= 0);
    wait_dead(old);
    expect_ok(run(p, seen, 0, "A"), "seen");
    assert_int_equal(kill(pid, 0), 0);
    pool_close(p);
    expect_nobody();
    free(seen);
}

/* ---- what is refused before pages come ---- */

static void refuse(const char *const *refs, const char *mode, const char *set, const char *part,
                   const char *part2)
{
    const char *const sets[] = { set, NULL };
    struct seen *seen = calloc(1, sizeof *seen);
    struct err err = { 0 };
    struct pool *p;
    int rc = open_pool(seen, refs, mode, sets, &p, &err);

    assert_null(p);
    if (!rc || !strstr(err.text, part) || !strstr(err.text, part2))
        fail_msg("code %d, message: %s", rc, err.text);
    free(seen);
}

static void a_command_that_cannot_run_is_taken(void **state)
{
    const char *const twice[] = { "exec", "exec", NULL }, *const by_path[] = { "/stage/exec.so", NULL };
    const char *const many[] = { "exec.1", "exec.2", "exec.3", "exec.4", "exec.5",
                                 "exec.6", "exec.7", "exec.8", "exec.9", NULL };

    (void)state;
    refuse(one_exec, NULL, NULL, "stage `exec`: option `command` must be given", "./words.py");
    refuse(one_exec, NULL, "exec.command=", "option `command`", "a value is required");
    refuse(one_exec, NULL, "exec.command=''", "option `command`", "names no program");
    refuse(one_exec, NULL, "exec.command=./nonesuch --x", "/nonesuch: No such file",
           "correct option `command`");
    refuse(one_exec, NULL, "exec.command=nonesuch-program", "no program `nonesuch-program` in PATH",
           "./nonesuch-program");
    refuse(one_exec, NULL, "exec.command=/", "is no file", "`command`");
    refuse(one_exec, NULL, "exec.command=/etc/passwd", "may not be executed", "chmod +x");
    refuse(one_exec, NULL, "exec.command='open", "a quote is open", "close it");
    refuse(one_exec, "good", "exec.memory_mb=much", "stage `exec`", "`memory_mb`");
    refuse(one_exec, "good", "exec.send=url, bodies", "`bodies` is unknown", "content.text");
    refuse(one_exec, "good", "exec.sned=url", "`sned`", "send");
    refuse(twice, "good", NULL, "stage `exec` is there twice", "exec.NAME");
    refuse(many, "good", NULL, "more than 8 exec stages", "");
    refuse(by_path, NULL, "exec.command=/bin/true", "no program was started for it", "exec.NAME");
    expect_nobody();
}

static void a_program_that_speaks_otherwise_is_taken(void **state)
{
    (void)state;
    refuse(one_exec, "exit", NULL, "stage `exec` cannot be configured", "before its hello (status 3)");
    refuse(one_exec, "silent", "exec.start_ms=100", "gave no hello within 100 ms", "stage `exec`");
    refuse(one_exec, "words", NULL, "said `Hello, world: a program", "standard error");
    refuse(one_exec, "list", NULL, "not one msgpack map", "stage `exec`");
    refuse(one_exec, "old", NULL, "another `v` than 1", "stage `exec`");
    expect_nobody();
}

/* A script of the user's, written into the folder. */
static void script_write(const char *name, const char *text)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", at.dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, 0700), 0);
}

static void a_missing_interpreter_is_not_told(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    char set[200];
    const char *const sets[] = { set, "exec.memory_mb=0", NULL };
    struct err err = { 0 };
    struct pool *p;

    (void)state;
    script_write("lost", "#!/nonexistent/python9\n");
    snprintf(set, sizeof set, "exec.command=%s/lost", at.dir);
    assert_int_not_equal(open_pool(seen, one_exec, NULL, sets, &p, &err), 0);
    assert_non_null(strstr(err.text, "before its hello (status 127)"));
    assert_non_null(strstr(seen->log, "interpreter"));
    free(seen);
}

static void judge(const char *command, const char *part)
{
    struct chain_config c = { 0 };
    char text[2 * PATH_MAX];
    struct err err = { 0 };
    int rc;

    c.items = calloc(2, sizeof *c.items);
    c.items[c.n_items++].ref = strdup("exec.mine");
    snprintf(text, sizeof text, "exec.mine.command=%s", command);
    assert_int_equal(chain_config_set(&c, text, &err), 0);
    rc = exec_judge(&c, NULL, &err);
    if (part ? rc != ERR_REFUSED || !strstr(err.text, part) || !strstr(err.text, "stage `exec.mine`")
             : rc != 0)
        fail_msg("%s: code %d, %s", command, rc, err.text);
    assert_int_equal(exec_judge(&c, &c, &err), 0); /* it runs already */
    chain_config_release(&c);
}

/* For changes of a crawl that runs: the program, and the files that its command names. */
static void a_program_that_others_could_have_written_is_admitted(void **state)
{
    char path[100], command[200];

    (void)state;
    script_write("script", "#!/bin/sh\n");
    snprintf(path, sizeof path, "%s/script", at.dir);
    snprintf(command, sizeof command, "/bin/sh %s", path);
    judge(path, NULL);
    judge(command, NULL);
    assert_int_equal(chmod(path, 0777), 0);
    judge(path, "/script");
    judge(command, "/script");
    assert_int_equal(chmod(path, 0700), 0);
    assert_int_equal(chmod(at.dir, 0777), 0);
    judge(path, at.dir);
    assert_int_equal(chmod(at.dir, 0700), 0);
}

/* One generation is one program: what was changed on disk meanwhile is not started. */
static void a_program_changed_meanwhile_is_started(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    char text[2 * PATH_MAX], set[200];
    const char *const sets[] = { set, "exec.send=body", "exec.memory_mb=0", NULL };
    struct pool_chain before, after;
    struct err err = { 0 };
    struct pool *p;

    (void)state;
    snprintf(text, sizeof text, "#!/bin/sh\nexec '%s' program good %s\n", self(), at.fifo);
    script_write("script", text);
    snprintf(set, sizeof set, "exec.command=%s/script", at.dir);
    if (open_pool(seen, one_exec, NULL, sets, &p, &err))
        fail_msg("%s", err.text);
    before = pool_chain(p);
    strcat(text, "# changed\n");
    script_write("script", text);
    submit_bytes(p, 0, "<p>MARK-EXIT", 12);
    log_wait(p, seen, "was changed since this chain was loaded");
    pool_close(p);
    if (open_pool(seen, one_exec, NULL, sets, &p, &err))
        fail_msg("%s", err.text);
    after = pool_chain(p);
    assert_string_not_equal(before.hash, after.hash);
    pool_close(p);
    expect_nobody();
    free(seen);
}

/* ---- ends ---- */

/* The worker dies from outside: its program goes with it, the page is run again. */
static void a_killed_workers_program_stays(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct pool *p = pool_with(seen, NULL);
    char path[64], word[200];
    int child, pid = 0, worker = 0;
    FILE *f;

    (void)state;
    assert_int_equal(starts(&pid), 1);
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    f = fopen(path, "r");
    assert_non_null(f);
    while (fscanf(f, "%d", &child) == 1) { /* the worker, and the keeper, which has arguments */
        char cmdline[64];
        snprintf(cmdline, sizeof cmdline, "/proc/%d/cmdline", child);
        FILE *c = fopen(cmdline, "r");
        size_t n = c ? fread(word, 1, sizeof word, c) : 0;
        if (c)
            fclose(c);
        if (n == strlen("trommel-worker") + 1)
            worker = child;
    }
    fclose(f);
    assert_true(worker > 0);
    kill(worker, SIGKILL);
    expect_ok(run(p, seen, 0, "A"), "seen");
    wait_dead(pid);
    assert_int_equal(starts(NULL), 1);
    pool_close(p);
    expect_nobody();
    free(seen);
}

/* A host that dies by SIGKILL takes the program and all it started with it. */
static void a_program_outlives_its_host(void **state)
{
    const char *const sets[] = { "exec.deadline_ms=50000", NULL };
    int ready[2];
    char c;
    pid_t host;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    host = fork();
    if (host == 0) {
        struct seen *seen = calloc(1, sizeof *seen);
        struct err err = { 0 };
        struct pool *p;
        close(at.fd);
        if (open_pool(seen, one_exec, "good", sets, &p, &err))
            _exit(1);
        submit_bytes(p, 0, "<p>MARK-BROOD", 13);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pool_dispatch(p, -1, &err);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    kill(host, SIGKILL);
    waitpid(host, NULL, 0);
    expect_nobody();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
        TEST(a_field_of_a_program_is_lost),
        TEST(two_programs_are_one),
        TEST(a_verdict_is_taken_for_another),
        TEST(a_bad_answer_costs_more_than_its_page),
        TEST(a_program_that_dies_costs_other_pages),
        TEST(nonsense_is_believed),
        TEST(a_second_answer_is_the_next_pages),
        TEST(a_program_that_hears_no_more_is_kept),
        TEST(a_program_killed_while_idle_costs_a_page),
        TEST(a_page_not_begun_is_to_blame),
        TEST(a_program_without_answer_is_waited_for),
        TEST(a_large_page_does_not_pass),
        TEST(a_deaf_program_blocks_the_worker),
        TEST(a_program_has_more_than_its_profile),
        TEST(words_of_a_program_are_lost),
        TEST(time_of_a_program_is_not_counted),
        TEST(a_program_stays_when_its_generation_goes),
        TEST(a_command_that_cannot_run_is_taken),
        TEST(a_program_that_speaks_otherwise_is_taken),
        TEST(a_missing_interpreter_is_not_told),
        TEST(a_program_that_others_could_have_written_is_admitted),
        TEST(a_program_changed_meanwhile_is_started),
        TEST(a_killed_workers_program_stays),
        TEST(a_program_outlives_its_host),
    };

    if (argc == 4 && !strcmp(argv[1], "program"))
        return program(argv[2], argv[3]);
    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
