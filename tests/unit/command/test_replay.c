/* The journal of a replay, and what of an archive is a page. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "command/chain_list.h"
#include "command/replay/judge.h"
#include "record/record.h"
#include "tests/unit/frontier/folder.h"

static char *folder;
static struct err err;

static int file_of(const char *name, const char *text, size_t times)
{
    char path[4200];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (size_t i = 0; i < times; i++)
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static struct replay_journal *journal(void)
{
    struct replay_journal *j;

    assert_int_equal(replay_journal_open(folder, &j, &err), 0);
    return j;
}

static void what_is_done_is_forgotten(void **state)
{
    int a = file_of("a", "an archive\n", 1000), b = file_of("b", "another\n", 1000);
    struct replay_journal *j = journal();
    struct journal_file *f = replay_journal_file(j, a, &err), *g = replay_journal_file(j, b, &err);

    assert_ptr_not_equal(f, g);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(replay_journal_done(j, f, &(struct warc_place){ i * 100, 7 }, 1000 + i, &err), 0);
    assert_int_equal(replay_journal_end(j, g, &err), 0);
    replay_journal_close(j);
    for (int i = 0; i < 2; i++) { /* also from the short form */
        j = journal();
        f = replay_journal_file(j, a, &err);
        assert_int_equal(f->records, 10);
        assert_int_equal(f->last.offset, 900);
        assert_int_equal(f->last.inner, 7);
        assert_int_equal(f->key, 1009);
        assert_int_equal(f->first_key, 1000);
        assert_false(f->is_ended);
        assert_true(replay_journal_file(j, b, &err)->is_ended);
        replay_journal_close(j);
    }
    close(a);
    close(b);
}

static void a_torn_line_is_believed(void **state)
{
    int a = file_of("a", "an archive\n", 1000);
    struct replay_journal *j = journal();
    struct journal_file *f = replay_journal_file(j, a, &err);
    char path[4200];

    assert_int_equal(replay_journal_done(j, f, &(struct warc_place){ 100, 0 }, 5, &err), 0);
    replay_journal_close(j);
    snprintf(path, sizeof path, "%s/replay.journal", folder);
    FILE *out = fopen(path, "a");
    fputs("D 0 200 0 0000000000000006 0000000000000005 2", out); /* without its end */
    fclose(out);
    j = journal();
    assert_int_equal(replay_journal_file(j, a, &err)->last.offset, 100);
    replay_journal_close(j);
    out = fopen(path, "a");
    fputs("nonsense\nD 77 1 1 1 1 1\nE 99\nF 12 0 0 0 0 0\n", out);
    fclose(out);
    j = journal();
    assert_int_equal(replay_journal_file(j, a, &err)->records, 1);
    replay_journal_close(j);
    close(a);
}

static void another_file_is_taken_for_it(void **state)
{
    int a = file_of("a", "an archive\n", 1000), b = file_of("b", "an archive\n", 1000);
    struct replay_journal *j = journal(), *second;
    struct journal_file *f = replay_journal_file(j, a, &err);

    assert_int_equal(replay_journal_done(j, f, &(struct warc_place){ 100, 0 }, 5, &err), 0);
    assert_int_equal(replay_journal_end(j, f, &err), 0);
    assert_int_equal(pwrite(b, "X", 1, 0), 1);
    assert_ptr_not_equal(replay_journal_file(j, b, &err), f); /* the same but for its first byte */
    assert_ptr_equal(replay_journal_file(j, a, &err), f);
    assert_true(f->is_ended);
    assert_int_equal(write(a, "more\n", 5), 5); /* it has grown */
    assert_ptr_equal(replay_journal_file(j, a, &err), f);
    assert_false(f->is_ended);
    assert_int_equal(f->records, 1);
    f = replay_journal_file(j, -1, &err);
    assert_int_equal(replay_journal_end(j, f, &err), 0);
    assert_false(replay_journal_file(j, -1, &err)->is_ended); /* standard input may hold anything */
    assert_int_equal(replay_journal_open(folder, &second, &err), ERR_REFUSED);
    assert_non_null(strstr(err.text, "another replay of this job is running"));
    replay_journal_close(j);
    close(a);
    close(b);
}

/* ---- pages ---- */

static enum judged judge(const char *type, const char *url, const char *content_type, const char *block,
                         int had_pages)
{
    char head[1000];
    static unsigned char bytes[4096];
    struct warc_record r = { .is_whole = 1 };
    enum feed_count why;
    int n = snprintf(head, sizeof head,
                     "WARC/1.0\r\nWARC-Type: %s\r\nWARC-Date: 2026\r\nWARC-Target-URI: %s\r\n"
                     "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                     type, url, content_type, strlen(block));

    memcpy(bytes, head, (size_t)n);
    strcpy((char *)bytes + n, block);
    assert_null(warc_head_read(bytes, (size_t)n, &r.head));
    r.block = bytes + n;
    r.block_n = strlen(block);
    return judge_head(&r, had_pages, &why);
}

static void a_record_is_judged_wrongly(void **state)
{
    static const char json[] = "{\"Container\":{},\"Envelope\":{}}";

    assert_int_equal(judge("response", "https://a/", "application/http", "", 0), JUDGED_PAGE);
    assert_int_equal(judge("response", "dns:a", "text/dns", "", 0), JUDGED_NONE);
    assert_int_equal(judge("resource", "http://a/", "text/html", "", 0), JUDGED_PAGE);
    assert_int_equal(judge("resource", "urn:pageinfo:http://a/", "text/html", "", 0), JUDGED_NONE);
    assert_int_equal(judge("revisit", "http://a/", "application/http", "", 0), JUDGED_REVISIT);
    assert_int_equal(judge("response", "http://A:80/robots.txt", "application/http", "", 0), JUDGED_NONE);
    assert_int_equal(judge("revisit", "http://a/robots.txt", "application/http", "", 0), JUDGED_NONE);
    assert_int_equal(judge("response", "http://a/manual/robots.txt", "application/http", "", 0), JUDGED_PAGE);
    assert_int_equal(judge("response", "http://a", "application/http", "", 0), JUDGED_PAGE);
    assert_int_equal(judge("request", "http://a/", "application/http", "", 0), JUDGED_NONE);
    assert_int_equal(judge("conversion", "http://a/", "text/plain", "", 0), JUDGED_WET);
    assert_int_equal(judge("conversion", "http://a/", "text/plain", "", 1), JUDGED_NONE);
    assert_int_equal(judge("metadata", "http://a/", "application/json", json, 0), JUDGED_WAT);
    assert_int_equal(judge("metadata", "http://a/", "application/json", json, 1), JUDGED_NONE);
    assert_int_equal(judge("metadata", "http://a/", "application/json", "{}", 0), JUDGED_NONE);
    assert_int_equal(judge("metadata", "http://a/", "application/warc-fields", json, 0), JUDGED_NONE);
}

static void item_make(struct feed_item *item, struct replay_file *file, char *http, int is_whole)
{
    *item = (struct feed_item){
        .file = file,
        .record = { .head = { .type = WARC_RESPONSE, .url = { "http://a/", 9 }, .date = { "2026", 4 } },
                    .place = { 5, 6 },
                    .block = (unsigned char *)http,
                    .block_n = strlen(http),
                    .is_whole = is_whole }
    };
    buf_init(&item->fetch, 1 << 16);
    buf_init(&item->made_of, 1 << 16);
}

static void an_answer_is_judged_wrongly(void **state)
{
    static const struct {
        const char *http;
        int is_whole;
        enum judged judged;
        const char *failed;
    } rows[] = { { "HTTP/1.1 200 OK\r\n\r\nx", 1, JUDGED_PAGE, NULL },
                 { "HTTP/1.1 404 No\r\n\r\nx", 1, JUDGED_PAGE, NULL },
                 { "HTTP/1.1 307 To\r\nLocation: /x\r\n\r\n", 1, JUDGED_NONE, NULL },
                 { "HTTP/1.1 304 Same\r\n\r\n", 1, JUDGED_PAGE, NULL },
                 { "HTTP/1.1 200 OK\r\n\r\nx", 0, JUDGED_PAGE, "too_large" },
                 { "HTTP/1.1 200 OK\r\nA: b", 0, JUDGED_PAGE, "headers_too_large" },
                 { "<html>", 1, JUDGED_NONE, NULL } };
    struct replay_file file = { .name = "folder/x.warc" };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char http[100];
        struct feed_item item;
        struct mp_value v;
        enum feed_count why;
        strcpy(http, rows[i].http);
        item_make(&item, &file, http, rows[i].is_whole);
        assert_int_equal(judge_item(&item, "job", &why), rows[i].judged);
        if (rows[i].failed)
            assert_string_equal(item.failed, rows[i].failed);
        else
            assert_null(item.failed);
        if (rows[i].judged == JUDGED_PAGE) {
            assert_int_equal(mp_check(item.fetch.data, item.fetch.len, 8, NULL), 0);
            assert_int_equal(record_get(item.fetch.data, item.fetch.len, "warc.inner", &v), 0);
            assert_int_equal(v.u.u, 6);
            assert_string_equal(buf_cstr(&item.made_of), "job\nhttp://a/\n2026\nfolder/x.warc\n5+6");
        }
        buf_release(&item.fetch);
        buf_release(&item.made_of);
    }
}

static void a_chain_is_listed_wrongly(void **state)
{
    static struct chain_list l;
    trommel_options opt = { .config = "x" };

    assert_int_equal(chain_list_read(&l, "layout,./x.so", &err), 0);
    assert_int_equal(l.n, 2);
    assert_string_equal(l.refs[1].stage, "./x.so");
    chain_list_set(&l, &opt);
    assert_null(opt.config);
    assert_int_equal(opt.n_chain, 2);
    assert_int_equal(chain_list_read(&l, "default", &err), 0);
    chain_list_set(&l, &opt);
    assert_null(opt.chain);
    assert_int_equal(chain_list_read(&l, "", &err), ERR_USAGE);
    assert_int_equal(chain_list_read(&l, "a,", &err), ERR_USAGE);
}

static int setup(void **state)
{
    folder = folder_new();
    return 0;
}

static int teardown(void **state)
{
    folder_remove(folder);
    return 0;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_is_done_is_forgotten),          IN_FOLDER(a_torn_line_is_believed),
        IN_FOLDER(another_file_is_taken_for_it),       cmocka_unit_test(a_record_is_judged_wrongly),
        cmocka_unit_test(an_answer_is_judged_wrongly), cmocka_unit_test(a_chain_is_listed_wrongly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
