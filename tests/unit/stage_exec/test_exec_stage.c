/* The stage `exec` in a chain of this process, the program played by the test: what is sent, what is
 * understood of the answers, and that broken ones end in words. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include "base/limits.h"
#include "chain/run.h"
#include "plugin/stage/exec/answer.c"
#include "plugin/stage/exec/channel.c"
#include "plugin/stage/exec/parts.c"
#include "plugin/stage/exec/exec.c"

#include <cmocka.h> /* it has a macro `fail` */

enum { WORKER_END = 201, PROGRAM_IN = 210, PROGRAM_OUT }; /* descriptors */

/* ---- a stage before it ---- */

static const trommel_port gives[] = {
    { "content.text", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    { "content.words", TROMMEL_T_I64, TROMMEL_PORT_RECORD },
    { "content.confidence", TROMMEL_T_F64, TROMMEL_PORT_RECORD },
    { "meta.tags", TROMMEL_T_MSGPACK, TROMMEL_PORT_RECORD },
};

static uint32_t give_all(void *self, trommel_ctx *ctx, trommel_page *page)
{
    trommel_val text = { .type = TROMMEL_T_STR, .n = 4, .u.p = "text" };
    trommel_val words = { .type = TROMMEL_T_I64, .u.i = -3 }, share = { .type = TROMMEL_T_F64, .u.d = 0.5 };
    trommel_val tags = { .type = TROMMEL_T_MSGPACK, .n = 4, .u.p = "\x92\xa1t\xc0" };

    (void)self, (void)ctx;
    run_host.put(page, 0, &text);
    run_host.put(page, 1, &words);
    run_host.put(page, 2, &share);
    return run_host.put(page, 3, &tags) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

static const trommel_stage giver = {
    TROMMEL_STAGE_HEAD, .id = "giver",   .version = "1",
    .provides = gives,  .n_provides = 4, .process = give_all,
};

/* ---- the chain ---- */

static struct chain *chain;
static struct run run_of;
static struct crumb crumb;
static struct run_result res;
static struct {
    unsigned times;
    uint32_t how, is_begun;
    char text[600];
} is_lost;

static void on_lost(void *arg, uint32_t program, uint32_t how, uint32_t is_begun, const char *msg, size_t n)
{
    (void)arg;
    assert_int_equal(program, (WORKER_END - PROTO_FD_END) / 2);
    is_lost.times++;
    is_lost.how = how;
    is_lost.is_begun = is_begun;
    snprintf(is_lost.text, sizeof is_lost.text, "%.*s", (int)n, msg);
}

static void move_fd(int from, int to, int flags)
{
    assert_int_equal(dup2(from, to), to);
    close(from);
    assert_int_equal(fcntl(to, F_SETFL, flags), 0);
}

static void answer_raw(const void *p, size_t n)
{
    assert_int_equal(write(PROGRAM_OUT, p, n), n);
}

static void answer_frame(const struct buf *b)
{
    unsigned char head[4] = { (unsigned char)(b->len >> 24), (unsigned char)(b->len >> 16),
                              (unsigned char)(b->len >> 8), (unsigned char)b->len };

    answer_raw(head, 4);
    answer_raw(b->data, b->len);
}

static void say_hello(void)
{
    struct buf b = BUF_INIT(4096);

    mp_map(&b, 3);
    mp_cstr(&b, "type");
    mp_cstr(&b, "hello");
    mp_cstr(&b, "v");
    mp_int(&b, 1);
    mp_cstr(&b, "reasons");
    mp_array(&b, 1);
    mp_cstr(&b, "few");
    answer_frame(&b);
    buf_release(&b);
}

static void pipes_make(void)
{
    int to[2], from[2];

    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    move_fd(to[1], WORKER_END, O_NONBLOCK);
    move_fd(from[0], WORKER_END + 1, O_NONBLOCK);
    move_fd(to[0], PROGRAM_IN, 0);
    move_fd(from[1], PROGRAM_OUT, 0);
}

static const char *deadline = "exec.deadline_ms=60000";

/* The chain is configured: 0, or *err. */
static int chain_make(const char *send, struct err *err)
{
    struct chain_config c = { 0 };
    char set[400];
    int rc;

    pipes_make();
    say_hello();
    memset(&is_lost, 0, sizeof is_lost);
    chain = chain_new();
    assert_int_equal(chain_add(chain, &giver, NULL, 0, err), 0);
    assert_int_equal(chain_add(chain, &trommel_stage_, NULL, 1, err), 0);
    chain->stages[1].channel = WORKER_END;
    chain->lost = on_lost;
    snprintf(set, sizeof set, "exec.send=%s", send);
    assert_int_equal(chain_config_set(&c, "exec.command=./test.py", err), 0);
    assert_int_equal(chain_config_set(&c, deadline, err), 0);
    assert_int_equal(chain_config_set(&c, set, err), 0);
    rc = chain_options(chain, &c, err);
    rc = rc ? rc : chain_link(chain, err);
    rc = rc ? rc : chain_configure(chain, &run_host, err);
    chain_config_release(&c);
    assert_int_equal(run_init(&run_of, chain, &crumb, 60000, 60000, 1), 0);
    return rc;
}

static void chain_drop(void)
{
    close(PROGRAM_OUT);
    close(PROGRAM_IN);
    run_release(&run_of);
    chain_free(chain);
}

static void chain_ready(const char *send)
{
    struct err err = { 0 };

    if (chain_make(send, &err))
        fail_msg("%s", err.text);
}

static void run_one(void)
{
    static const char html[] = "<title>t</title><p>text";
    struct pool_page in = { .head = { .status = 203, .fetched_ms = 1764000000000 },
                            .body = { html, sizeof html - 1 },
                            .content_type = { "text/html; charset=utf-8", 24 },
                            .headers = { "ETag: \"abc\"\r\nServer: x\r\n", 24 } };

    in.head.url = in.head.final_url = (trommel_str){ "http://t.test/", 14 };
    assert_int_equal(run_page(&run_of, &in, &res), 0);
}

/* The frame that the program gets next, without its length. */
static size_t heard(unsigned char *to, size_t max)
{
    unsigned char head[4];
    size_t n;

    assert_int_equal(read(PROGRAM_IN, head, 4), 4);
    n = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    assert_in_range(n, 1, max);
    assert_int_equal(read(PROGRAM_IN, to, n), n);
    assert_int_equal(mp_check(to, n, 32, NULL), 0);
    return n;
}

static void expect_json(const unsigned char *p, size_t n, const char *want)
{
    struct buf json = BUF_INIT(65536);

    assert_int_equal(record_json(p, n, &json), 0);
    assert_string_equal(buf_cstr(&json), want);
    buf_release(&json);
}

/* ---- tests ---- */

static void what_is_asked_for_is_not_sent(void **state)
{
    unsigned char frame[4096];
    size_t n;

    (void)state;
    chain_ready(
        " url,status , content.text,content.words,content.confidence,meta.tags,header.etag,header.none,"
        "charset,meta.title,,url,body");
    answer_raw("\0\0\0\x04\x81\xa1n\x01", 8);
    run_one();
    assert_int_equal(res.outcome, OUTCOME_OK);
    n = heard(frame, sizeof frame);
    expect_json(
        frame, n,
        "{\"v\":1,\"type\":\"hello\",\"stage\":\"exec\",\"deadline_ms\":60000,\"send\":[\"url\",\"status\","
        "\"content.text\",\"content.words\",\"content.confidence\",\"meta.tags\",\"header.etag\","
        "\"header.none\",\"charset\",\"meta.title\",\"body\"]}");
    n = heard(frame, sizeof frame);
    expect_json(
        frame, n,
        "{\"type\":\"page\",\"n\":1,\"id\":\"00000000000000000000000000000000\",\"url\":\"http://t.test/\","
        "\"status\":203,\"content.text\":\"text\",\"content.words\":-3,\"content.confidence\":0.5,"
        "\"meta.tags\":[\"t\",null],\"header.etag\":\"\\\"abc\\\"\",\"charset\":\"utf-8\","
        "\"body\":\"<title>t</title><p>text\"}");
    chain_drop();
}

/* {n, KEY: value} */
static void answer_with(unsigned n, const char *key, const void *value, size_t value_n)
{
    struct buf b = BUF_INIT(4u << 20);

    mp_map(&b, 2);
    mp_cstr(&b, "n");
    mp_uint(&b, n);
    mp_cstr(&b, key);
    buf_add(&b, value, value_n);
    answer_frame(&b);
    buf_release(&b);
}

static void an_answer_is_taken_for_another(void **state)
{
    static const struct {
        const char *key, *value;
        size_t n;
        enum outcome outcome;
        int retry;
        const char *reason, *message;
    } rows[] = {
        { "put", "\x80", 1, OUTCOME_OK, 0, "", "" },
        { "put",
          "\x82\xa1"
          "a\xc0\xa1"
          "b\x01",
          7, OUTCOME_OK, 0, "", "" },
        { "put", "\x90", 1, OUTCOME_QUARANTINED, 0, "bad_answer", "`put` must be a map" },
        { "put", "\x81\x01\x01", 3, OUTCOME_QUARANTINED, 0, "bad_answer", "`?` cannot be taken" },
        { "put",
          "\x81\xa1"
          "a\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01",
          22, OUTCOME_QUARANTINED, 0, "bad_answer", "nest at most 16 deep" },
        { "drop",
          "\xa3"
          "few",
          4, OUTCOME_DROPPED, 0, "few", "" },
        { "drop",
          "\xa3"
          "fe!",
          4, OUTCOME_QUARANTINED, 0, "bad_answer", "`fe!` is none of the reasons" },
        { "drop", "\xc3", 1, OUTCOME_QUARANTINED, 0, "bad_answer", "`drop` must be the reason" },
        { "drop", "\xa0", 1, OUTCOME_QUARANTINED, 0, "bad_answer", "`drop` must be the reason" },
        { "error",
          "\xa3"
          "why",
          4, OUTCOME_QUARANTINED, 0, "program_error", "why" },
        { "error", "\x01", 1, OUTCOME_QUARANTINED, 0, "bad_answer", "`error` must be" },
        { "retry", "\xc3", 1, OUTCOME_QUARANTINED, 1, "program_retry", "" },
        { "retry", "\xc2", 1, OUTCOME_OK, 0, "", "" },
        { "retry", "\x01", 1, OUTCOME_QUARANTINED, 0, "bad_answer", "`retry` must be true or false" },
        { "puts", "\xc0", 1, OUTCOME_QUARANTINED, 0, "bad_answer", "unknown key `puts`" },
    };

    (void)state;
    chain_ready("url");
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        answer_with(i + 1, rows[i].key, rows[i].value, rows[i].n);
        run_one();
        if (res.outcome != rows[i].outcome || res.retry != rows[i].retry ||
            res.reason.n != strlen(rows[i].reason) ||
            (res.reason.n && memcmp(res.reason.p, rows[i].reason, res.reason.n)) ||
            (*rows[i].message &&
             !memmem(res.message.p, res.message.n, rows[i].message, strlen(rows[i].message))))
            fail_msg("row %u: %s, reason %.*s, message %.*s", i, outcome_name(res.outcome), (int)res.reason.n,
                     res.reason.p, (int)res.message.n, res.message.p);
    }
    assert_int_equal(is_lost.times, 0);
    chain_drop();
}

static void a_reason_stays_for_the_next_page(void **state)
{
    (void)state;
    chain_ready("url");
    answer_with(1, "drop",
                "\xa3"
                "few",
                4);
    run_one();
    assert_int_equal(res.outcome, OUTCOME_DROPPED);
    answer_with(2, "error",
                "\xa1"
                "x",
                2);
    run_one();
    assert_int_equal(res.reason.n, strlen("program_error"));
    answer_with(3, "drop",
                "\xa3"
                "few",
                4);
    run_one();
    assert_int_equal(res.reason.n, 3);
    chain_drop();
}

static void an_answer_out_of_step_is_taken(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        uint32_t how;
        const char *part;
    } rows[] = {
        { "\0\0\0\0", 4, EXEC_LOST_PROTOCOL, "an empty frame" },
        { "\0\0\0\x01\x80", 5, EXEC_LOST_PROTOCOL, "without `n`" },
        { "\0\0\0\x04\x81\xa1n\xff", 8, EXEC_LOST_PROTOCOL, "without `n`" },
        { "\0\0\0\x04\x81\xa1n\x02", 8, EXEC_LOST_PROTOCOL,
          "an answer to page 2, where page 1 had been sent" },
        { "\0\0\0\x05\x81\xa1n\x01\x01", 9, EXEC_LOST_PROTOCOL, "bytes behind it" },
        { "\0\0\0\x03\x81\xa1n", 7, EXEC_LOST_PROTOCOL, "not one msgpack map" },
        { "\0\0\0\x05\xdd\xff\xff\xff\xff", 9, EXEC_LOST_PROTOCOL, "not one msgpack map" },
        { "\0\0\0\x05\xdf\x0f\xff\xff\xff", 9, EXEC_LOST_PROTOCOL, "not one msgpack map" },
        { "\x01\0\0\0", 4, EXEC_LOST_PROTOCOL, "begins no frame" },
        { "Tr\x1b[31m", 7, EXEC_LOST_PROTOCOL, "said `Tr.[31m`" },
        { "\0\0\0\x09short", 9, EXEC_LOST_DIED, "before its answer" },
        { "", 0, EXEC_LOST_DIED, "before its answer" },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        chain_ready("url");
        answer_raw(rows[i].bytes, rows[i].n);
        if (rows[i].how == EXEC_LOST_DIED)
            close(PROGRAM_OUT);
        run_one();
        if (is_lost.times != 1 || is_lost.how != rows[i].how || !is_lost.is_begun ||
            !strstr(is_lost.text, rows[i].part))
            fail_msg("row %u: %u times, %u: %s", i, is_lost.times, is_lost.how, is_lost.text);
        assert_int_equal(res.fatal, 1); /* for where nobody ends the process */
        chain_drop();
    }
}

static void no_answer_is_waited_for(void **state)
{
    (void)state;
    deadline = "exec.deadline_ms=20";
    chain_ready("url");
    answer_raw("\0\0", 2);
    run_one();
    assert_int_equal(is_lost.how, EXEC_LOST_TIMEOUT);
    assert_non_null(strstr(is_lost.text, "no answer within 20 ms"));
    chain_drop();
    deadline = "exec.deadline_ms=60000";
}

static void a_page_nobody_heard_is_begun(void **state)
{
    (void)state;
    chain_ready("url");
    close(PROGRAM_IN);
    run_one();
    assert_int_equal(is_lost.how, EXEC_LOST_DIED);
    assert_int_equal(is_lost.is_begun, 0);
    chain_drop();
}

/* The child's part of the next test: a large answer, at first a byte at a time. */
static void answer_slowly(char *value, size_t n)
{
    struct buf b = BUF_INIT(4u << 20);

    buf_add(&b, "\0\0\0\0", 4);
    mp_map(&b, 2);
    mp_cstr(&b, "n");
    mp_uint(&b, 1);
    mp_cstr(&b, "put");
    mp_map(&b, 1);
    mp_cstr(&b, "long");
    mp_str(&b, value, n);
    for (int i = 0; i < 4; i++)
        b.data[i] = (unsigned char)((b.len - 4) >> (24 - 8 * i));
    for (size_t at = 0, step; at < b.len; at += step) {
        step = at < 64 ? 1 : 5000;
        step = step < b.len - at ? step : b.len - at;
        if (write(PROGRAM_OUT, b.data + at, step) != (ssize_t)step)
            _exit(1);
    }
    buf_release(&b);
    free(value);
    _exit(0);
}

static void a_slow_answer_is_cut(void **state)
{
    char *value = malloc(900000);
    struct mp_value got;
    int status = 1;
    pid_t pid;

    (void)state;
    memset(value, 'v', 900000);
    chain_ready("url,body");
    pid = fork();
    if (pid == 0)
        answer_slowly(value, 900000);
    run_one();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(res.outcome, OUTCOME_OK);
    assert_int_equal(record_get(res.record.p, res.record.n, "x.exec.long", &got), 0);
    assert_int_equal(got.len, 900000);
    chain_drop();
    free(value);
}

static void expect_hello(const char *bytes, size_t n, const char *part)
{
    msgpack_unpacked unpacked;
    char why[ANSWER_WHY_BYTES] = "";
    struct hello h;
    int rc;

    msgpack_unpacked_init(&unpacked);
    rc = hello_read((trommel_str){ bytes, n }, &unpacked, &h, why);
    if (part ? rc == 0 || !strstr(why, part) : rc != 0)
        fail_msg("%d: %s", rc, why);
    free(h.reasons);
    msgpack_unpacked_destroy(&unpacked);
}

#define HELLO           "\xa4type\xa5hello\xa1v\x01"
#define IS(bytes, part) expect_hello(bytes, sizeof bytes - 1, part)
static void a_wrong_hello_is_taken(void **state)
{
    (void)state;
    IS("\x82" HELLO, NULL);
    IS("\x83" HELLO "\xa3new\xc0", NULL);
    IS("\x80", "no hello: it must have `type`");
    IS("\x81\xa4type\xa5hello", "no hello");
    IS("\x82\xa4type\xa5hello\xa1v\x02", "another `v` than 1");
    IS("\x82\xa4type\xa5hello\xa1v\xff", "another `v` than 1");
    IS("\x82\xa4type\xa4page\xa1v\x01", "no hello");
    IS("\x83" HELLO "\xa7reasons\x91\xa4"
       "few!",
       "`reasons[0]` in its hello");
    IS("\x83" HELLO "\xa7reasons\x92\xa3"
       "few\xa0",
       "`reasons[1]` in its hello");
    IS("\x83" HELLO "\xa7reasons\x80", "one list of at most 256");
    IS("\x83" HELLO "\xa7reasons\xdc\x01\x01", "not one msgpack map");
    IS("\x84" HELLO "\xa7reasons\x90\xa7reasons\x90", "one list");
}

static void what_may_be_sent_is_not_told(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_int_not_equal(chain_make("url,content.blocks", &err), 0);
    assert_non_null(strstr(err.text, "`content.blocks` is unknown"));
    assert_non_null(strstr(err.text, "meta.title"));
    close(WORKER_END);
    close(WORKER_END + 1);
    chain_drop();
}

/* A host that starts no programs: words, no crash. */
static void without_its_host_it_runs(void **state)
{
    struct chain_config c = { 0 };
    struct err err = { 0 };

    (void)state;
    chain = chain_new();
    assert_int_equal(chain_add(chain, &trommel_stage_, NULL, 0, &err), 0);
    assert_int_equal(chain_config_set(&c, "exec.command=./test.py", &err), 0);
    assert_int_equal(chain_options(chain, &c, &err), 0);
    assert_int_equal(chain_link(chain, &err), 0);
    assert_int_not_equal(chain_configure(chain, &run_host, &err), 0);
    assert_non_null(strstr(err.text, "no program was started for it"));
    chain_config_release(&c);
    chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_for_is_not_sent),
        cmocka_unit_test(an_answer_is_taken_for_another),
        cmocka_unit_test(a_reason_stays_for_the_next_page),
        cmocka_unit_test(an_answer_out_of_step_is_taken),
        cmocka_unit_test(no_answer_is_waited_for),
        cmocka_unit_test(a_page_nobody_heard_is_begun),
        cmocka_unit_test(a_slow_answer_is_cut),
        cmocka_unit_test(a_wrong_hello_is_taken),
        cmocka_unit_test(what_may_be_sent_is_not_told),
        cmocka_unit_test(without_its_host_it_runs),
    };

    signal(SIGPIPE, SIG_IGN); /* as in a worker */
    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
