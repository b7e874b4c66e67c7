/* cdxj: lines are those of cdxj-indexer 1.5.0 for the same record; sorted as its --sort does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "tests/unit/frontier/folder.h"
#include "tests/unit/parse/guarded.h"
#include "warc/cdxj.h"

/* clang-format off */
static const char *const rows[][2] = { /* a response's head, and what is said of it */
    { "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n",
      "\"mime\": \"text/html\", \"status\": \"200\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 404 Not Found\r\ncontent-type:text/plain\r\n\r\n",
      "\"mime\": \"text/plain\", \"status\": \"404\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 200\r\nServer: x\r\n\r\n",
      "\"status\": \"200\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1\r\nContent-Type: a/b\r\n\r\n",
      "\"mime\": \"a/b\", \"status\": \"\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.0  301   Moved\r\nContent-Type : text/html\r\nContent-Type: text/plain\r\n\r\n",
      "\"mime\": \"text/html\", \"status\": \"301\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 200 OK\r\nContent-Type:\r\n text/html\r\n\r\n",
      "\"mime\": \"\", \"status\": \"200\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 200 OK\r\nContent-Type: \r\n\r\n",
      "\"mime\": \"\", \"status\": \"200\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n ; x\r\n\r\n",
      "\"mime\": \"text/html\", \"status\": \"200\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 200 OK\r\nContent-Type: ;charset=x\r\n\r\n",
      "\"mime\": \"\", \"status\": \"200\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 200 OK\r\nContent-Type\r\nContent-Type: \"a\\b\"\011/x\r\n\r\n",
      "\"mime\": \"\\\"a\\\\b\\\"\", \"status\": \"200\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 200 OK\nContent-Type: text/html\n\n",
      "\"mime\": \"text/html\", \"status\": \"200\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 200 OK\r\nContent-Type: t\303\251xt/\342\202\254\360\237\232\242\r\n\r\n",
      "\"mime\": \"t\\u00e9xt/\\u20ac\\ud83d\\udea2\", \"status\": \"200\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 200 OK\r\nContent-Type: t\351xt/\200\r\n\r\n",
      "\"mime\": \"t\\u00e9xt/\\u0080\", \"status\": \"200\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 200 OK\r\nContent-Type: a\001\177b\302\240c\r\n\r\n",
      "\"mime\": \"a\\u0001\\u007fb\", \"status\": \"200\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 200 OK\r\nX: y\r\n\r\n",
      "\"status\": \"200\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 200 OK\r\nX\351: y\r\nCONTENT-TYPE: TEXT/HTML\r\n\r\n",
      "\"mime\": \"TEXT/HTML\", \"status\": \"200\", \"digest\": \"sha1:X\", " },
    { "HTTP/1.1 200 OK\r\nContent-Type: \302\240text/html\r\n\r\n",
      "\"mime\": \"text/html\", \"status\": \"200\", \"digest\": \"sha1:X\", " },
};
/* clang-format on */

static trommel_str str(const char *s)
{
    return (trommel_str){ s, strlen(s) };
}

static void responses(void **state)
{
    struct buf line;
    char want[1000];

    buf_init(&line, 65536);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct guarded g = guarded_new(rows[i][0], strlen(rows[i][0]));
        struct cdxj_capture c = { .url = str("http://h/x"),
                                  .date = str("2026-12-01T03:12:38.123Z"),
                                  .head = { g.p, strlen(rows[i][0]) },
                                  .digest = str("sha1:X") };
        buf_clear(&line);
        assert_int_equal(cdxj_begin(&c, &line), 0);
        assert_int_equal(cdxj_end(&line, 12, 34, "f.warc"), 0);
        guarded_free(&g);
        snprintf(want, sizeof want,
                 "h)/x 20261201031238 {\"url\": \"http://h/x\", %s\"length\": \"12\", \"offset\": \"34\", "
                 "\"filename\": \"f.warc\"}\n",
                 rows[i][1]);
        assert_string_equal(buf_cstr(&line), want);
    }
    buf_release(&line);
}

static void revisits(void **state)
{
    struct buf line;
    struct cdxj_capture c = { .url = str("http://h/\"x"),
                              .date = str("2026-12-01T03:12:38Z"),
                              .head = str("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"),
                              .digest = str("sha1:X"),
                              .revisit = 1 };

    buf_init(&line, 65536);
    cdxj_begin(&c, &line);
    assert_string_equal(buf_cstr(&line),
                        "h)/\"x 20261201031238 {\"url\": \"http://h/\\\"x\", \"mime\": \"warc/revisit\", "
                        "\"status\": \"200\", \"digest\": \"sha1:X\", ");
    buf_release(&line);
}

static void sorting(void **state)
{
    char *dir = folder_new();
    char from[300], to[300], text[100] = "";
    struct err err = { 0 };

    snprintf(from, sizeof from, "%s/a", dir);
    snprintf(to, sizeof to, "%s/b", dir);
    FILE *out = fopen(from, "w");
    assert_non_null(out);
    fputs("b 2\na\xc3\xa9 1\na 10\na 1\na\na 1x\nnot whole", out);
    fclose(out);
    assert_int_equal(cdxj_sort(from, to, &err), 0);
    FILE *in = fopen(to, "r");
    assert_non_null(in);
    text[fread(text, 1, sizeof text - 1, in)] = 0;
    fclose(in);
    assert_string_equal(text, "a\na 1\na 10\na 1x\na\xc3\xa9 1\nb 2\n");
    snprintf(to, sizeof to, "%s/none/b", dir);
    assert_int_equal(cdxj_sort(from, to, &err), ERR_IO);
    assert_non_null(strstr(err.text, "none/b: cannot write (No such file or directory)"));
    snprintf(from, sizeof from, "%s/none", dir);
    assert_int_equal(cdxj_sort(from, to, &err), ERR_IO);
    folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses),
        cmocka_unit_test(revisits),
        cmocka_unit_test(sorting),
    };

    return cmocka_run_group_tests_name("cdxj", tests, NULL, NULL);
}
