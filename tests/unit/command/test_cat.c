/* cat: what it prints of whole, torn and damaged files, of folders and of jobs; the table and its manners. */
#include "tests/unit/deliver/sink_fixture.h"

#include <zstd.h>

#include "base/log.h"
#include "command/command.h"

static char *dir;
static char said[8000];

static void on_log(void *arg, int level, const char *line)
{
    size_t at = strlen(said);

    snprintf(said + at, sizeof said - at, "%s\n", line);
}

static int setup(void **state)
{
    dir = folder_new();
    said[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    folder_free(dir);
    return 0;
}

/* Runs it with standard output into a file; gives what was printed. */
static int cat(char **ret, ...)
{
    char *argv[20] = { "cat" };
    unsigned char *out;
    int argc = 1;
    va_list ap;

    va_start(ap, ret);
    while ((argv[argc] = va_arg(ap, char *)))
        argc++;
    va_end(ap);
    FILE *f = tmpfile();
    fflush(stdout);
    int old = dup(STDOUT_FILENO);
    dup2(fileno(f), STDOUT_FILENO);
    int rc = command_cat.run(argc, argv);
    fflush(stdout);
    dup2(old, STDOUT_FILENO);
    close(old);
    off_t n = lseek(fileno(f), 0, SEEK_END);
    out = malloc((size_t)n + 1);
    assert_int_equal(pread(fileno(f), out, (size_t)n, 0), n);
    out[n] = '\0';
    fclose(f);
    *ret = (char *)out;
    return rc;
}

static int lines(const char *s)
{
    int n = 0;

    for (; *s; s++)
        n += *s == '\n';
    return n;
}

static void add_record(struct buf *all, int i, const struct buf *r)
{
    unsigned char trailer[SEGMENT_TRAILER];
    uint8_t id[16];

    id_of(i, id);
    segment_trailer(r->data, r->len, id, trailer);
    buf_add(all, r->data, r->len);
    buf_add(all, trailer, sizeof trailer);
}

static struct buf segment_of(int from, int to)
{
    struct buf all = BUF_INIT(1 << 20);

    for (int i = from; i < to; i++) {
        struct buf r = record_of(i, 20);
        add_record(&all, i, &r);
        buf_release(&r);
    }
    return all;
}

static void segment_write(const char *name, int from, int to, size_t less)
{
    struct buf b = segment_of(from, to);

    file_write(in(dir, name), b.data, b.len - less);
    buf_release(&b);
}

static void test_a_file_is_not_printed_as_lines(void **state)
{
    char *out;

    segment_write("records-000001.msgpack", 0, 5, 0);
    assert_int_equal(cat(&out, in(dir, "records-000001.msgpack"), NULL), 0);
    assert_int_equal(lines(out), 5);
    assert_int_equal(strncmp(out, "{\"v\":1,\"id\":\"00000000a5a5", 25), 0);
    assert_string_equal(said, "");
    free(out);
}

static void test_a_folder_is_not_in_order(void **state)
{
    struct buf b = segment_of(2, 4);
    unsigned char z[4096];
    char *out;

    segment_write("records-000001.msgpack", 0, 2, 0);
    file_write(in(dir, "records-000002.msgpack.zst"), z, ZSTD_compress(z, sizeof z, b.data, b.len, 1));
    segment_write("records-000010.msgpack.open", 4, 6, 0);
    file_write(in(dir, ".checkpoint"), "x", 1);
    buf_release(&b);
    assert_int_equal(cat(&out, "--fields", "id", dir, NULL), 0);
    assert_int_equal(lines(out), 6);
    for (int i = 0; i < 6; i++) {
        char id[20];
        snprintf(id, sizeof id, "\"0%d000000", i);
        char *at = strstr(out, id);
        assert_non_null(at);
        assert_int_equal(lines(out) - lines(at), i);
    }
    free(out);
}

static void test_a_torn_tail_fails_or_is_not_said(void **state)
{
    char *out;

    segment_write("records-000001.msgpack.open", 0, 3, 10);
    assert_int_equal(cat(&out, dir, NULL), 0);
    assert_int_equal(lines(out), 2);
    assert_non_null(strstr(said, "records-000001.msgpack.open: the last "));
    free(out);
    said[0] = '\0';
    segment_write("records-000002.msgpack", 0, 3, 10);
    assert_int_equal(cat(&out, in(dir, "records-000002.msgpack"), NULL), 1);
    assert_int_equal(lines(out), 2);
    assert_non_null(strstr(said, "nothing follows"));
    free(out);
}

static void test_damage_is_not_named_or_ends_it(void **state)
{
    struct buf b = segment_of(0, 3);
    char *out, place[60];

    b.data[b.len / 2] ^= 1;
    file_write(in(dir, "x.msgpack"), b.data, b.len);
    snprintf(place, sizeof place, "x.msgpack: at byte %zu: ", b.len / 3);
    buf_release(&b);
    assert_int_equal(cat(&out, in(dir, "x.msgpack"), NULL), 1);
    assert_int_equal(lines(out), 2);
    assert_non_null(strstr(said, place));
    free(out);
}

static void test_bare_records_are_refused(void **state)
{
    struct buf r = record_of(1, 30), two = BUF_INIT(1000);
    char *out;

    buf_add(&two, r.data, r.len);
    buf_add(&two, r.data, r.len);
    file_write(in(dir, "bare"), two.data, two.len);
    assert_int_equal(cat(&out, in(dir, "bare"), NULL), 0);
    assert_int_equal(lines(out), 2);
    free(out);
    assert_int_equal(cat(&out, "--format=msgpack", in(dir, "bare"), NULL), 0);
    assert_memory_equal(out, two.data, two.len);
    free(out);
    buf_release(&r);
    buf_release(&two);
}

static void test_limit_count_id_and_fields_do_not_choose(void **state)
{
    char *out;

    segment_write("records-000001.msgpack", 0, 30, 0);
    assert_int_equal(cat(&out, "--limit", "7", dir, NULL), 0);
    assert_int_equal(lines(out), 7);
    free(out);
    assert_int_equal(cat(&out, "--count", dir, NULL), 0);
    assert_string_equal(out, "30\n");
    free(out);
    assert_int_equal(
        cat(&out, "--id", "11000000A5a5a5a5a5a5a5a5a5a5a5a5", "--fields", "v,no.such", dir, NULL), 0);
    assert_string_equal(out, "{\"v\":1}\n");
    free(out);
}

static void test_a_job_is_read_elsewhere(void **state)
{
    char *out, *job = dir;

    mkdir(in(job, "records"), 0777);
    mkdir(in(job, "dead-letters"), 0777);
    segment_write("records/records-000001.msgpack", 0, 3, 0);
    segment_write("dead-letters/records-000001.msgpack", 3, 4, 0);
    assert_int_equal(cat(&out, "--count", job, NULL), 0);
    assert_string_equal(out, "3\n");
    free(out);
    assert_int_equal(cat(&out, "--count", "--dead", job, NULL), 0);
    assert_string_equal(out, "1\n");
    free(out);
    unlink(in(job, "records/records-000001.msgpack"));
    assert_int_equal(cat(&out, "--count", job, NULL), 0);
    assert_string_equal(out, "0\n");
    free(out);
    unlink(in(job, "dead-letters/records-000001.msgpack"));
    rmdir(in(job, "records"));
    rmdir(in(job, "dead-letters"));
}

static void test_wrong_usage_is_not_told(void **state)
{
    static const struct { const char *a, *b, *say; } rows[] = {
        { NULL, NULL, "nothing to read" },
        { "--colour", "x", "--colour: no such option" },
        { "--limit", "0", "from 1 on" },
        { "--limit", NULL, "--limit: needs a value" },
        { "--format", "xml", "\"xml\" must be json or msgpack" },
        { "--fields=a,,b", "x", "is no path of a field" },
    };
    char *out;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        said[0] = '\0';
        assert_int_equal(cat(&out, rows[i].a, rows[i].b, NULL), 2);
        assert_non_null(strstr(said, rows[i].say));
        assert_string_equal(out, "");
        free(out);
    }
}

static void test_what_is_not_there_is_not_named(void **state)
{
    char *out;

    assert_int_equal(cat(&out, in(dir, "nowhere"), NULL), 1);
    assert_non_null(strstr(said, "/nowhere: No such file"));
    free(out);
    said[0] = '\0';
    assert_int_equal(cat(&out, dir, NULL), 1);
    assert_non_null(strstr(said, "has neither segments"));
    free(out);
    said[0] = '\0';
    assert_int_equal(cat(&out, "--dead", dir, NULL), 1);
    assert_non_null(strstr(said, "has no dead-letters"));
    free(out);
    file_write(in(dir, "text"), "this is no msgpack at all, not at all", 37);
    assert_int_equal(cat(&out, in(dir, "text"), NULL), 1);
    free(out);
}

static void put_map(struct buf *b, const char *key, const char *sub, const char *value)
{
    mp_cstr(b, key);
    mp_map(b, 1);
    mp_cstr(b, sub);
    mp_cstr(b, value);
}

static void row_add(struct buf *all, int i, const char *url, const char *layout, const char *title,
                    const char *relation)
{
    struct buf r = BUF_INIT(10000);

    mp_map(&r, 6);
    mp_cstr(&r, "url");
    mp_cstr(&r, url);
    put_map(&r, "outcome", "code", "ok");
    put_map(&r, "layout", "type", layout);
    mp_cstr(&r, "meta");
    mp_map(&r, 2);
    mp_cstr(&r, "title");
    mp_cstr(&r, title);
    mp_cstr(&r, "published");
    mp_cstr(&r, "2026-03-01T12:00:00Z");
    put_map(&r, "dedupe", "relation", relation);
    mp_cstr(&r, "spam");
    mp_map(&r, 1);
    mp_cstr(&r, "score");
    mp_f64(&r, 0.254);
    add_record(all, i, &r);
    buf_release(&r);
}

static void test_the_table_breaks_its_columns_or_the_terminal(void **state)
{
    struct buf all = BUF_INIT(100000);
    char *out;

    row_add(&all, 0, "https://a.example/1", "article", "Plain", "unique");
    row_add(
        &all, 1, "https://a.example/a/very/long/path/that/never/seems/to/end/at/all.html", "documentation",
        "東京都は日本の首都である東京都は日本の首都である東京都は日本の首都である東京都は日本の首都である",
        "near");
    row_add(&all, 2, "https://a.example/3", "article", "evil \x1b[31mred\x07\n\xe2\x80\xae title\xff\xfe",
            "part");
    file_write(in(dir, "t.msgpack"), all.data, all.len);
    buf_release(&all);
    setenv("COLUMNS", "80", 1);
    cat(&out, "--table", in(dir, "t.msgpack"), NULL);
    assert_non_null(strstr(out, "URL "));
    assert_null(strpbrk(out, "\x1b\x07"));
    assert_null(strstr(out, "\xe2\x80\xae"));
    assert_non_null(strstr(out, "…"));
    assert_non_null(strstr(out, "2026-03-01"));
    assert_null(strstr(out, "T12:00"));
    assert_non_null(strstr(out, "0.25"));
    free(out);
    unsetenv("COLUMNS");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_a_file_is_not_printed_as_lines),
        T(test_a_folder_is_not_in_order),
        T(test_a_torn_tail_fails_or_is_not_said),
        T(test_damage_is_not_named_or_ends_it),
        T(test_bare_records_are_refused),
        T(test_limit_count_id_and_fields_do_not_choose),
        T(test_a_job_is_read_elsewhere),
        T(test_wrong_usage_is_not_told),
        T(test_what_is_not_there_is_not_named),
        T(test_the_table_breaks_its_columns_or_the_terminal),
    };

    log_to(on_log, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
