/* write and recover: what was appended is in whole records, in files of their size; a file that was cut
 * anywhere keeps every record before the cut, and its index says so; files of others are left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/effort.h"
#include "tests/unit/frontier/folder.h"
#include "warc/recover.h"
#include "warc/write.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
enum { PACKS = 5, NAMES = 40 };

static char *dir;

static void quiet(void *arg, int level, const char *text)
{
}

static int setup(void **state)
{
    log_to(quiet, NULL);
    dir = folder_new();
    return 0;
}

static int teardown(void **state)
{
    folder_remove(dir);
    return 0;
}

/* ---- writing ---- */

static trommel_str str(const char *s)
{
    return (trommel_str){ s, strlen(s) };
}

static struct warc_writer *opened(enum warc_coding coding, uint64_t size_max)
{
    struct warc_write_options opt = { .dir = dir,
                                      .prefix = "t",
                                      .coding = coding,
                                      .size_max = size_max,
                                      .about = { .software = "Trommel/test", .job = "a\r\njob" } };
    struct warc_writer *w = NULL;
    struct err err = { 0 };

    assert_int_equal(warc_writer_open(&opt, &w, &err), 0);
    return w;
}

/* Number i: a page of its own, with a body of `bytes`. */
static void pack_make(struct warc_tool *tool, struct revisit *known, unsigned i, size_t bytes,
                      struct warc_pack *ret)
{
    static char url[NAMES][40], body[100000];
    struct warc_exchange x = { .head = str(HEAD),
                               .request = str("GET / HTTP/1.1\r\n\r\n"),
                               .status = 200,
                               .ip = "192.0.2.1",
                               .error = "",
                               .date_ms = 1700000000000 + i };

    snprintf(url[i], sizeof url[i], "http://h/%u", i);
    memset(body, 'a' + (int)i % 20, bytes);
    x.url = str(url[i]);
    x.body = (trommel_str){ body, bytes };
    assert_int_equal(warc_pack_make(tool, known, &x, ret), 0);
}

static int append_one(struct warc_writer *w, struct warc_tool *tool, struct revisit *known, unsigned i,
                      size_t bytes, struct warc_pack *ret, struct err *err)
{
    pack_make(tool, known, i, bytes, ret);
    int rc = warc_append(w, &ret, 1, err);
    warc_pack_release(ret);
    return rc;
}

/* ---- reading ---- */

/* The names in the folder that end so, without that end; how many. */
static unsigned names(const char *end, char ret[NAMES][256])
{
    struct dirent **list;
    int n = scandir(dir, &list, NULL, alphasort);
    unsigned found = 0;

    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        size_t len = strlen(list[i]->d_name), k = strlen(end);
        if (len > k && !strcmp(list[i]->d_name + len - k, end)) {
            assert_true(found < NAMES);
            snprintf(ret[found++], 256, "%.*s", (int)(len - k), list[i]->d_name);
        }
        free(list[i]);
    }
    free(list);
    return found;
}

static char *slurp(const char *name, const char *end, size_t *ret_n)
{
    char path[600];
    struct stat st;

    snprintf(path, sizeof path, "%s/%s%s", dir, name, end);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    char *p = malloc((size_t)st.st_size + 1);
    assert_int_equal(read(fd, p, (size_t)st.st_size), st.st_size);
    close(fd);
    p[st.st_size] = 0;
    *ret_n = (size_t)st.st_size;
    return p;
}

static void spill(const char *name, const void *p, size_t n)
{
    char path[600];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

struct tally {
    unsigned records, captures, requests, metadata;
    uint64_t ends[64]; /* where each record ends */
    char last[100];
};

static int count(void *arg, const struct warc_seen *r)
{
    struct tally *t = arg;
    int capture = !strncmp(r->type.p, "response", 8) || !strncmp(r->type.p, "revisit", 7);

    if (t->records) /* it begins where the one before ended; plain ones have blank lines between them */
        assert_true(r->offset - t->ends[t->records - 1] <= 4);
    t->ends[t->records++] = r->offset + r->length;
    t->captures += (unsigned)capture;
    t->requests += !strncmp(r->type.p, "request", 7);
    t->metadata += !strncmp(r->type.p, "metadata", 8);
    if (capture)
        snprintf(t->last, sizeof t->last, "%.*s", (int)r->url.n, r->url.p);
    return 0;
}

static unsigned lines_of(const char *p)
{
    unsigned n = 0;

    for (; (p = strchr(p, '\n')); p++)
        n++;
    return n;
}

static struct tally tally_of(const char *name, enum warc_coding coding)
{
    struct tally t = { 0 };
    size_t n;
    char *p = slurp(name, warc_coding_ends[coding], &n);

    assert_int_equal(warc_scan(coding, p, n, count, &t), n);
    free(p);
    return t;
}

/* ---- tests ---- */

static void whole_records(void **state)
{
    char found[NAMES][256];
    struct err err = { 0 };
    struct warc_pack pack;

    for (int c = 0; c < WARC_CODINGS; c++) {
        struct warc_tool *tool = warc_tool_new((enum warc_coding)c);
        struct warc_writer *w = opened((enum warc_coding)c, 1 << 30);
        for (unsigned i = 0; i < PACKS; i++)
            assert_int_equal(append_one(w, tool, NULL, i, 1000 * i, &pack, &err), 0);
        assert_int_equal(warc_writer_counts(w).captures, PACKS);
        assert_int_equal(warc_writer_close(w, &err), 0);
        assert_int_equal(names(warc_coding_ends[c], found), 1);
        struct tally t = tally_of(found[0], (enum warc_coding)c);
        assert_int_equal(t.records, 1 + 3 * PACKS);
        assert_int_equal(t.captures, PACKS);
        assert_true(t.requests == PACKS && t.metadata == PACKS);
        warc_tool_free(tool);
    }
    assert_int_equal(names(".open", found), 0);
    assert_int_equal(names(".cdxj", found), WARC_CODINGS);
}

static void rotation(void **state)
{
    char found[NAMES][256];
    struct warc_tool *tool = warc_tool_new(WARC_NONE);
    struct warc_writer *w = opened(WARC_NONE, 10000);
    struct warc_pack packs[8], *all[8];
    struct err err = { 0 };
    size_t n;

    for (unsigned i = 0; i < 8; i++) {
        pack_make(tool, NULL, i, 3000, &packs[i]);
        all[i] = &packs[i];
    }
    assert_int_equal(warc_append(w, all, 8, &err), 0);
    assert_int_equal(warc_writer_close(w, &err), 0);
    assert_int_equal(names(".warc", found), 4); /* two captures in each */
    for (unsigned i = 0; i < 4; i++) {
        char *p = slurp(found[i], ".warc", &n);
        assert_true(n <= 10000);
        assert_non_null(strstr(p, "isPartOf: a  job\r\n")); /* no line of its own */
        free(p);
        assert_int_equal(tally_of(found[i], WARC_NONE).captures, 2);
        p = slurp(found[i], ".warc.cdxj", &n);
        assert_int_equal(lines_of(p), 2);
        free(p);
    }
    assert_string_not_equal(packs[0].file, packs[7].file);
    for (unsigned i = 0; i < 8; i++)
        warc_pack_release(&packs[i]);
    warc_tool_free(tool);
}

static void same_payload(void **state)
{
    struct warc_tool *tool = warc_tool_new(WARC_NONE);
    struct warc_exchange x = { .url = str("http://h/a"),
                               .head = str(HEAD),
                               .status = 200,
                               .ip = "",
                               .error = "",
                               .date_ms = 1700000000000,
                               .body = str("5\r\nhello\r\n0\r\n\r\n"),
                               .chunked = 1 };
    char journal[600];
    struct revisit *known;
    struct warc_pack first, second;
    struct err err = { 0 };

    snprintf(journal, sizeof journal, "%s/journal", dir);
    assert_int_equal(revisit_open(journal, &known, &err), 0);
    struct warc_write_options opt = { .dir = dir,
                                      .prefix = "t",
                                      .coding = WARC_NONE,
                                      .size_max = 1 << 30,
                                      .about = { .software = "Trommel/test" },
                                      .known = known };
    struct warc_writer *w;
    assert_int_equal(warc_writer_open(&opt, &w, &err), 0);
    assert_int_equal(warc_pack_make(tool, known, &x, &first), 0);
    assert_int_equal(warc_pack_make(tool, known, &x, &second), 0); /* the first is not on disk */
    assert_false(first.revisit || second.revisit);
    warc_pack_release(&second);
    struct warc_pack *all = &first;
    assert_int_equal(warc_append(w, &all, 1, &err), 0);

    x.url = str("http://h/b");
    x.body = str("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"); /* cut into other chunks */
    assert_int_equal(warc_pack_make(tool, known, &x, &second), 0);
    assert_true(second.revisit);
    const char *text = buf_cstr(&second.bytes);
    char id[WARC_UUID_TEXT], want[100], digest[DIGEST_TEXT];
    warc_uuid_text(first.uuid, id);
    snprintf(want, sizeof want, "WARC-Refers-To: <%s>\r\n", id);
    assert_non_null(strstr(text, want));
    digest_text(first.digest, digest);
    snprintf(want, sizeof want, "WARC-Payload-Digest: %s\r\n", digest);
    assert_non_null(strstr(text, want));
    assert_non_null(strstr(text, "WARC-Refers-To-Target-URI: http://h/a\r\n"
                                 "WARC-Refers-To-Date: 2023-11-14T22:13:20.000Z\r\n"));
    assert_null(strstr(text, "llo"));
    warc_pack_release(&second);

    x.truncated = "length"; /* part of a payload is no payload */
    assert_int_equal(warc_pack_make(tool, known, &x, &second), 0);
    assert_false(second.revisit || second.remember);
    warc_pack_release(&second);
    warc_pack_release(&first);
    assert_int_equal(warc_writer_close(w, &err), 0);
    revisit_close(known);
    warc_tool_free(tool);
}

/* How many records are whole within so many bytes? */
static unsigned whole_within(const struct tally *all, enum warc_coding coding, size_t n)
{
    unsigned whole = 0;

    while (whole < all->records && all->ends[whole] + (coding == WARC_NONE ? 4 : 0) <= n)
        whole++;
    return whole;
}

/* A file that was open when it was cut there: its whole records stay, and the index has its captures. */
static void recover_cut(const char *name, enum warc_coding coding, const char *p, size_t n, unsigned whole)
{
    char found[NAMES][256], path[600], end[20];
    struct err err = { 0 };
    size_t k;

    snprintf(path, sizeof path, "%s/%s%s", dir, name, warc_coding_ends[coding]);
    unlink(path);
    snprintf(path, sizeof path, "%s%s.open", name, warc_coding_ends[coding]);
    spill(path, p, n);
    assert_int_equal(warc_recover(dir, "t", &err), 0);
    assert_int_equal(names(".open", found), 0);
    unsigned closed = names(warc_coding_ends[coding], found);
    assert_int_equal(closed, whole > 1); /* one with nothing but a warcinfo record is gone */
    if (!closed)
        return;
    struct tally t = tally_of(name, coding);
    assert_int_equal(t.records, whole);
    snprintf(end, sizeof end, "%s.cdxj", warc_coding_ends[coding]);
    char *index = slurp(name, end, &k);
    assert_int_equal(lines_of(index), t.captures);
    free(index);
}

/* A file cut at any byte: every record before it is found; and some of the cuts as a crash leaves them. */
static void cut_anywhere(void **state)
{
    char found[NAMES][256];
    struct err err = { 0 };
    struct warc_pack pack;
    size_t n;

    for (int c = 0; c < WARC_CODINGS; c++) {
        enum warc_coding coding = (enum warc_coding)c;
        struct warc_tool *tool = warc_tool_new(coding);
        struct warc_writer *w = opened(coding, 1 << 30);
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(append_one(w, tool, NULL, i, 300, &pack, &err), 0);
        assert_int_equal(warc_writer_close(w, &err), 0);
        warc_tool_free(tool);
        assert_int_equal(names(warc_coding_ends[c], found), 1);
        struct tally all = tally_of(found[0], coding);
        char *p = slurp(found[0], warc_coding_ends[c], &n);
        size_t step = n / effort((unsigned)n);
        for (size_t cut = 0; cut <= n; cut += step) {
            struct tally t = { 0 };
            warc_scan(coding, p, cut, count, &t);
            assert_int_equal(t.records, whole_within(&all, coding, cut));
        }
        size_t cuts[] = { 0,     100, all.ends[0] + 4, all.ends[1] - 1, all.ends[1] + 4, all.ends[3] + 50,
                          n - 1, n };
        for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
            recover_cut(found[0], coding, p, cuts[i], whole_within(&all, coding, cuts[i]));
        free(p);
        folder_remove(dir);
        dir = folder_new();
    }
}

/* Bits that a disk turned, in the last record and in one before. */
static void damaged(void **state)
{
    char found[NAMES][256];
    struct err err = { 0 };
    struct warc_pack pack;
    struct warc_tool *tool = warc_tool_new(WARC_NONE);
    struct warc_writer *w = opened(WARC_NONE, 1 << 30);
    size_t n;

    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(append_one(w, tool, NULL, i, 300, &pack, &err), 0);
    uint64_t second = pack.offset;
    assert_int_equal(warc_writer_close(w, &err), 0);
    warc_tool_free(tool);
    names(".warc", found);
    char *p = slurp(found[0], ".warc", &n), name[300];
    memset(strstr(p + second, "bbbb"), 'x', 1);
    snprintf(name, sizeof name, "%s/%s.warc", dir, found[0]);
    unlink(name);
    snprintf(name, sizeof name, "%s.warc.open", found[0]);
    spill(name, p, n);
    free(p);
    assert_int_equal(warc_recover(dir, "t", &err), 0);
    struct tally t = tally_of(found[0], WARC_NONE);
    assert_int_equal(t.captures, 1); /* plain text has no checksum but the block's digest */
    assert_string_equal(t.last, "http://h/0");
}

static void others_left_alone(void **state)
{
    static char heavy[300000] = "WARC/1.1\r\nWARC-Type: warcinfo\r\nContent-Length: 0\r\n\r\n";
    char found[NAMES][256], path[600];
    struct err err = { 0 };
    struct warc_pack pack;
    struct warc_tool *tool = warc_tool_new(WARC_GZIP);
    struct warc_writer *w = opened(WARC_GZIP, 1 << 30);

    spill("t-foreign.warc.open", heavy, sizeof heavy);
    spill("other-1.warc.gz.open", "x", 1);
    spill("t-5.warc.gz.cdxj.open", "x\n", 2); /* lines whose file has its name */
    assert_int_equal(append_one(w, tool, NULL, 0, 10, &pack, &err), 0);
    assert_int_equal(warc_recover(dir, "t", &err), 0); /* w is still writing its own */
    assert_int_equal(names(".warc.gz", found), 0);
    assert_int_equal(names(".warc.gz.open", found), 2);
    assert_int_equal(names(".warc.open", found), 1);
    snprintf(path, sizeof path, "%s/t-5.warc.gz.cdxj.open", dir);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(warc_writer_close(w, &err), 0);
    assert_int_equal(names(".warc.gz", found), 1);
    warc_tool_free(tool);
}

/* The disk is full: what was begun is cut off, nothing more is written, and the next open closes the file. */
static void no_room(void **state)
{
    char found[NAMES][256];
    struct warc_tool *tool = warc_tool_new(WARC_NONE);
    struct warc_writer *w = opened(WARC_NONE, 1 << 30);
    struct rlimit limit = { 20000, RLIM_INFINITY };
    struct err err = { 0 };
    struct warc_pack pack;
    struct stat st;
    char path[600];

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(append_one(w, tool, NULL, 0, 3000, &pack, &err), 0);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(append_one(w, tool, NULL, 1, 30000, &pack, &err), ERR_IO);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(names(".warc.open", found), 1);
    snprintf(path, sizeof path, "%s/%s.warc", dir, found[0]);
    assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
    assert_non_null(strstr(err.text, "cannot write (File too large); free space there"));
    snprintf(path, sizeof path, "%s/%s.warc.open", dir, found[0]);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < 20000);
    assert_int_equal(append_one(w, tool, NULL, 2, 10, &pack, &err), ERR_CLOSED);
    assert_int_equal(warc_writer_close(w, &err), 0);
    assert_int_equal(names(".warc", found), 0);
    assert_int_equal(warc_writer_close(opened(WARC_NONE, 1 << 30), &err), 0);
    assert_int_equal(names(".warc", found), 1);
    assert_int_equal(tally_of(found[0], WARC_NONE).captures, 1);
    warc_tool_free(tool);
}

static void bad_options(void **state)
{
    struct warc_write_options opt = { .dir = dir, .prefix = "a/b", .size_max = 1 };
    struct warc_writer *w = NULL;
    struct err err = { 0 };
    char file[600];

    assert_int_equal(warc_writer_open(&opt, &w, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "--warc-prefix: \"a/b\""));
    spill("file", "", 0);
    snprintf(file, sizeof file, "%s/file", dir);
    opt.prefix = "t";
    opt.dir = file;
    assert_int_equal(warc_writer_open(&opt, &w, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "not a folder"));
    assert_null(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_records, setup, teardown),
        cmocka_unit_test_setup_teardown(rotation, setup, teardown),
        cmocka_unit_test_setup_teardown(same_payload, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(others_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(no_room, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_options, setup, teardown),
    };

    return cmocka_run_group_tests_name("write", tests, NULL, NULL);
}
