/* Manifests: every line is a page or a message that names it; nothing is lost around a bad one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "command/manifest.h"

static char path[64];

static int setup(void **state)
{
    snprintf(path, sizeof path, "/tmp/trommel-manifest-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    return unlink(path);
}

static struct manifest *manifest_of(const char *text, size_t n)
{
    struct manifest *m;
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(manifest_open(path, &m, NULL), 0);
    return m;
}

/* The only line is refused, with a message that names file, line and the words. */
static void refuse_line(const char *text, const char *words, const char *id)
{
    struct manifest *m = manifest_of(text, strlen(text));
    struct manifest_line line;
    struct err err = { 0 };
    char where[80];

    assert_int_equal(manifest_next(m, &line, &err), ERR_INVALID);
    snprintf(where, sizeof where, "%s:1: ", path);
    if (strncmp(err.text, where, strlen(where)) != 0 || !strstr(err.text, words))
        fail_msg("\"%s\" does not name \"%s\" or has no \"%s\"", err.text, where, words);
    if (id)
        assert_string_equal(line.id, id);
    else
        assert_null(line.id);
    assert_int_equal(manifest_next(m, &line, &err), 0);
    manifest_close(m);
}

static void test_lines_are_read(void **state)
{
    static const char text[] =
        "\xef\xbb\xbf{\"id\":\"a\",\"path\":\"x.html\"}\r\n"
        "\n  \t\n"
        "{\"id\":17,\"path\":\"/abs/y.gz\",\"url\":\"https://e.org/\",\"content_type\":null,"
        "\"more\":[1,{}]}\n"
        "{\"id\":\"c\",\"path\":\"z\",\"content_type\":\"text/plain\"}";
    struct manifest *m = manifest_of(text, sizeof text - 1);
    struct manifest_line line;

    assert_int_equal(manifest_next(m, &line, NULL), 1);
    assert_string_equal(line.id, "a");
    assert_string_equal(line.path, "/tmp/x.html");
    assert_null(line.url);
    assert_int_equal(line.number, 1);
    assert_int_equal(manifest_next(m, &line, NULL), 1);
    assert_string_equal(line.id, "17");
    assert_string_equal(line.path, "/abs/y.gz");
    assert_string_equal(line.url, "https://e.org/");
    assert_null(line.content_type);
    assert_int_equal(line.number, 4);
    assert_int_equal(manifest_next(m, &line, NULL), 1);
    assert_string_equal(line.content_type, "text/plain");
    assert_int_equal(manifest_next(m, &line, NULL), 0);
    assert_int_equal(manifest_next(m, &line, NULL), 0);
    assert_true(manifest_share(m) == 1);
    manifest_close(m);
}

static void test_bad_lines_are_named(void **state)
{
    refuse_line("{\"id\":\"b\",\n", "is no JSON", NULL);
    refuse_line("[1]\n", "no JSON object", NULL);
    refuse_line("{\"path\":\"x\"}\n", "has no \"id\"", NULL);
    refuse_line("{\"id\":\"\",\"path\":\"x\"}\n", "has no \"id\"", NULL);
    refuse_line("{\"id\":1.5,\"path\":\"x\"}\n", "has no \"id\"", NULL);
    refuse_line("{\"id\":\"a\"}\n", "has no \"path\"", "a");
    refuse_line("{\"id\":\"a\",\"path\":\"\"}\n", "has no \"path\"", "a");
    refuse_line("{\"id\":\"a\",\"path\":3}\n", "\"path\" is no string", "a");
    refuse_line("{\"id\":\"a\",\"path\":\"x\",\"url\":[]}\n", "\"url\" is no string", "a");
    refuse_line("{\"id\":\"a\",\"path\":\"x\\u0000y\"}\n", "is no JSON", NULL);
    refuse_line("{\"id\":\"a\",\"id\":\"b\",\"path\":\"x\"}\n", "is no JSON", NULL);
    refuse_line("{\"id\":\"\xff\",\"path\":\"x\"}\n", "is no JSON", NULL);
}

static void test_a_bad_line_costs_itself_only(void **state)
{
    struct buf text = BUF_INIT(4 * LIMIT_MANIFEST_LINE);
    struct manifest_line line;
    struct err err = { 0 };

    buf_add_str(&text, "{\"id\":\"a\",\"path\":\"x\"}\n{\"id\":\"");
    for (size_t i = 0; i < LIMIT_MANIFEST_LINE + 100000; i++)
        buf_add_byte(&text, 'b');
    buf_add_str(&text, "\",\"path\":\"x\"}\n{\"id\":\"c\",\"path\":\"x\"}\n");
    assert_int_equal(text.err, 0);
    struct manifest *m = manifest_of((const char *)text.data, text.len);
    assert_int_equal(manifest_next(m, &line, &err), 1);
    assert_int_equal(manifest_next(m, &line, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, ":2: is longer than"));
    assert_int_equal(manifest_next(m, &line, &err), 1);
    assert_string_equal(line.id, "c");
    assert_int_equal(line.number, 3);
    manifest_close(m);
    buf_release(&text);
}

static void test_ids_that_come_twice_are_marked(void **state)
{
    enum { IDS = 5000 };
    struct manifest_line line;
    char *text = malloc(IDS * 2 * 40), *at = text;

    assert_non_null(text);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < IDS; i++)
            at += sprintf(at, "{\"id\":\"p%d\",\"path\":\"x\"}\n", i);
    struct manifest *m = manifest_of(text, (size_t)(at - text));
    for (int i = 0; i < 2 * IDS; i++) {
        assert_int_equal(manifest_next(m, &line, NULL), 1);
        assert_int_equal(line.again, i >= IDS);
    }
    manifest_close(m);
    free(text);
}

static void test_what_is_no_file_is_refused(void **state)
{
    struct manifest *m;
    struct err err = { 0 };

    assert_int_equal(manifest_open("/nowhere/m.jsonl", &m, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "/nowhere/m.jsonl"));
    assert_null(m);
    assert_int_equal(manifest_open("/tmp", &m, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "folder"));
    manifest_close(NULL);
}

static void test_nothing_in_it(void **state)
{
    struct manifest *m = manifest_of("\n\n", 2);
    struct manifest_line line;

    assert_int_equal(manifest_next(m, &line, NULL), 0);
    manifest_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_lines_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_bad_line_costs_itself_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ids_that_come_twice_are_marked, setup, teardown),
        cmocka_unit_test(test_what_is_no_file_is_refused),
        cmocka_unit_test_setup_teardown(test_nothing_in_it, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
