/* charset: the standard's order holds; the same page in any encoding gives the same text; the guess finds
 * East Asian encodings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <iconv.h>

#include "base/err.h"
#include "base/limits.h"
#include "parse/charset.h"
#include "tests/unit/parse/guarded.h"

#define STR(s) (trommel_str){ s, sizeof(s) - 1 }

struct found {
    struct charset c;
    struct buf room;
    trommel_str text;
    struct guarded g;
};

static struct found text_of(trommel_str type, const char *p, size_t n)
{
    struct found f = { .room = BUF_INIT(64 * MIB) };

    f.g = guarded_new(p, n);
    f.c = charset_find(type, (trommel_str){ f.g.p, n }, 1);
    assert_int_equal(charset_convert(f.c, (trommel_str){ f.g.p, n }, &f.room, &f.text), 0);
    return f;
}

static void found_release(struct found *f)
{
    buf_release(&f->room);
    guarded_free(&f->g);
}

static void is_found(const char *type, const char *p, size_t n, const char *name, const char *how)
{
    struct found f = text_of((trommel_str){ type, strlen(type) }, p, n);

    if (strcmp(f.c.name, name) != 0 || strcmp(f.c.how, how) != 0)
        fail_msg("%s by %s, not %s by %s: %.60s", f.c.name, f.c.how, name, how, p);
    assert_int_equal(utf8_valid(f.text.p, f.text.n), f.text.n);
    found_release(&f);
}

#define FOUND(type, body, name, how) is_found(type, body, sizeof(body) - 1, name, how)

static void the_order_is_not_the_standards(void **state)
{
    FOUND("text/html; charset=koi8-r", "\xef\xbb\xbf<meta charset=big5>x", "utf-8", "bom");
    FOUND("text/html; charset=koi8-r", "\xff\xfe<\0p\0>\0", "utf-16le", "bom");
    FOUND("text/html; charset=koi8-r", "\xfe\xff\0<\0p\0>", "utf-16be", "bom");
    FOUND("text/html; charset=koi8-r", "<meta charset=big5>x", "koi8-r", "header");
    FOUND("text/html;Charset = \"GB2312\" ", "<p>", "gbk", "header");
    FOUND("text/html; charset=latin1;x=y", "<p>", "windows-1252", "header");
    FOUND("text/html; charset=nonsense", "<meta charset=big5>x", "big5", "meta");
    FOUND("text/html; charset=", "<meta charset=big5>x", "big5", "meta");
    FOUND("text/html", "plain ascii", "utf-8", "guess");
    FOUND("text/html", "\x95 caf\xe9", "windows-1252", "default");
}

static void the_prescan_is_not_the_standards(void **state)
{
    FOUND("", "<meta charset=\"shift_jis\">", "shift_jis", "meta");
    FOUND("", "<META\n CHARSET = 'shift_jis' >", "shift_jis", "meta");
    FOUND("", "<meta/charset=shift_jis>", "shift_jis", "meta");
    FOUND("", "<meta http-equiv=Content-Type content=\"text/html; charset=euc-kr\">", "euc-kr", "meta");
    FOUND("", "<meta content='text/html;charset=euc-kr' http-equiv='content-type'>", "euc-kr", "meta");
    FOUND("", "<meta content='text/html; charset=euc-kr'>", "utf-8", "guess");
    FOUND("", "<meta name=x content='charset=euc-kr'><meta charset=koi8-r>", "koi8-r", "meta");
    FOUND("", "<meta http-equiv=content-type content='charset charset = \"euc-kr\"'>", "euc-kr", "meta");
    FOUND("", "<meta charset=utf-16>", "utf-8", "meta");
    FOUND("", "<meta charset=x-user-defined>", "windows-1252", "meta");
    FOUND("", "<meta charset=nonsense><meta charset=koi8-u>", "koi8-u", "meta");
    FOUND("", "<!-- <meta charset=big5> --><meta charset=koi8-r>", "koi8-r", "meta");
    FOUND("", "<!--><meta charset=koi8-r>-->", "koi8-r", "meta");
    FOUND("", "<a title='<meta charset=big5>'><meta charset=koi8-r>", "koi8-r", "meta");
    FOUND("", "</a title='<meta charset=big5>'><meta charset=koi8-r>", "koi8-r", "meta");
    FOUND("", "<?xml <meta charset=big5?><meta charset=koi8-r>", "koi8-r", "meta");
    FOUND("", "<metadata charset=big5><meta charset=koi8-r>", "koi8-r", "meta");
    FOUND("", "<meta charset='big5", "utf-8", "guess");
    FOUND("", "<meta charset=big5 charset=koi8-r>", "big5", "meta");
    FOUND("", "<p><body><meta charset=big5>", "utf-8", "guess");
}

static void a_late_meta_is_not_seen(void **state)
{
    static char late[4096];

    memset(late, ' ', sizeof late);
    memcpy(late, "<html><head><script>", 20);
    memcpy(late + 3000, "<meta charset=koi8-r>", 21);
    is_found("", late, sizeof late, "koi8-r", "meta");
}

/* A read behind the end would crash. */
static void the_prescan_reads_too_far(void **state)
{
    static const char page[] =
        "<!--x--><a b='c' d=e><meta http-equiv=\"content-type\" content=\"a; charset = 'x'\">"
        "</p q><!x><?y><META charset=utf-8 ";
    for (size_t n = 0; n < sizeof page; n++) {
        for (size_t from = 0; from < n; from += 7) {
            struct guarded g = guarded_new(page + from, n - from);
            charset_prescan((trommel_str){ g.p, n - from }, 1024);
            guarded_free(&g);
        }
    }
}

/* ---- texts ------------------------------------------------------------------------------------- */

static size_t encode(const char *to, const char *text, char *out, size_t room)
{
    iconv_t cd = iconv_open(to, "UTF-8");
    char *in = (char *)(uintptr_t)text, *at = out;
    size_t in_n = strlen(text), out_n = room;

    assert_true(cd != (iconv_t)-1);
    if (iconv(cd, &in, &in_n, &at, &out_n) == (size_t)-1)
        fail_msg("%s: cannot encode \"%.40s\"", to, in);
    iconv_close(cd);
    return room - out_n;
}

static const struct language {
    const char *label, *iconv, *text;
} languages[] = {
    { "windows-1252", "CP1252",
      "“Où est la bibliothèque ?” – c’était déjà l’été, à Zürich et à Malmö, pour 5 €." },
    { "iso-8859-2", "ISO-8859-2", "Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń." },
    { "windows-1251", "CP1251",
      "Все люди рождаются свободными и равными в своём достоинстве и правах — так сказано в статье №1." },
    { "koi8-r", "KOI8-R", "Все люди рождаются свободными и равными в своём достоинстве и правах." },
    { "shift_jis", "CP932",
      "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所でニャーニ"
      "ャー"
      "泣いていた事だけは記憶している。" },
    { "euc-jp", "EUC-JP",
      "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所でニャーニ"
      "ャー"
      "泣いていた事だけは記憶している。" },
    { "gb18030", "GB18030",
      "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？人不知而不愠，不亦君子乎？我们都在这里。" },
    { "big5", "BIG5",
      "學而時習之，不亦說乎？有朋自遠方來，不亦樂乎？人不知而不慍，不亦君子乎？我們都在這裡。" },
    { "euc-kr", "CP949",
      "모든 국민은 인간으로서의 존엄과 가치를 가지며, 행복을 추구할 권리를 가진다. 똠방각하." },
    { "utf-16le", "UTF-16LE", "<p>Grüße aus Köln, привет, 猫である and more of the usual ASCII text</p>" },
    { "utf-16be", "UTF-16BE", "<p>Grüße aus Köln, привет, 猫である and more of the usual ASCII text</p>" },
};

enum { N_LANGUAGES = sizeof languages / sizeof *languages, ROOM = 8192 };

static void has_text(struct found *f, const char *text)
{
    if (!memmem(f->text.p, f->text.n, text, strlen(text)))
        fail_msg("%s by %s lost the text: %.*s", f->c.name, f->c.how, (int)f->text.n, f->text.p);
}

static void a_declared_encoding_loses_text(void **state)
{
    for (size_t i = 0; i < N_LANGUAGES; i++) {
        const struct language *l = &languages[i];
        char page[ROOM / 2], bytes[ROOM], type[64];
        snprintf(page, sizeof page, "<html><title>x</title><p>%s</p>", l->text);
        size_t n = encode(l->iconv, page, bytes, sizeof bytes);
        snprintf(type, sizeof type, "text/html; charset=%s", l->label);
        struct found f = text_of((trommel_str){ type, strlen(type) }, bytes, n);
        assert_string_equal(f.c.name, l->label);
        assert_string_equal(f.c.how, "header");
        assert_int_equal(f.text.n, strlen(page));
        has_text(&f, l->text);
        found_release(&f);
        if (strncmp(l->label, "utf-16", 6) == 0)
            continue;
        snprintf(page, sizeof page, "<html><meta charset=%s><title>x</title><p>%s</p>", l->label, l->text);
        n = encode(l->iconv, page, bytes, sizeof bytes);
        f = text_of(STR("text/html"), bytes, n);
        assert_string_equal(f.c.how, "meta");
        assert_int_equal(f.text.n, strlen(page));
        has_text(&f, l->text);
        found_release(&f);
    }
}

static void an_undeclared_encoding_is_not_found(void **state)
{
    for (size_t i = 0; i < N_LANGUAGES; i++) {
        const struct language *l = &languages[i];
        char page[ROOM / 2], bytes[ROOM];
        if (strcmp(l->label, "iso-8859-2") == 0) /* a sentence is too little for these */
            continue;
        snprintf(page, sizeof page, "<html><title>%.90s</title><body class=a><p>%s</p></body>", "x", l->text);
        size_t n = encode(l->iconv, page, bytes, sizeof bytes);
        struct found f = text_of(STR("text/html"), bytes, n);
        has_text(&f, l->text);
        found_release(&f);
    }
}

/* English and French pages that hold nothing East Asian, in encodings that could. */
static void latin_text_in_a_multibyte_encoding_is_not_found(void **state)
{
    static const char english[] = "<p>It\xe2\x80\x99s \xe2\x80\x9cquoted\xe2\x80\x9d twice, and that\xe2\x80\x99s all.</p>";
    static const char french[] = "<p>D\xc3\xa9j\xc3\xa0 vu, \xc3\xa9t\xc3\xa9 comme hiver : \xc3\xa7" "a va.</p>";
    static const char signs[] = "<p>\xc2\xa9 2026 Acme\xc2\xae, 3 \xc3\x97 4 \xe2\x9c\x85 \xf0\x9f\x91\x8d done</p>";
    static const struct {
        const char *text, *iconv, *name;
    } cases[] = {
        { english, "GB18030", "gb18030" }, { english, "EUC-JP", "euc-jp" },    { english, "CP932", "shift_jis" },
        { english, "BIG5", "big5" },       { english, "CP1252", "windows-1252" }, { french, "GB18030", "gb18030" },
        { french, "CP1252", "windows-1252" }, { signs, "GB18030", "gb18030" },
    };
    char bytes[512];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = encode(cases[i].iconv, cases[i].text, bytes, sizeof bytes);
        struct found f = text_of(STR("text/html"), bytes, n);
        if (strcmp(f.c.name, cases[i].name) != 0)
            fail_msg("case %zu: %s, not %s", i, f.c.name, cases[i].name);
        assert_int_equal(f.text.n, strlen(cases[i].text));
        assert_memory_equal(f.text.p, cases[i].text, f.text.n);
        found_release(&f);
    }
}

static void broken_utf8_is_taken_for_something_else(void **state)
{
    char page[4096];
    int n = snprintf(page, sizeof page, "<p>%s %s\xff %s</p>", languages[6].text, languages[2].text,
                     languages[0].text);

    is_found("", page, (size_t)n, "utf-8", "guess");
    is_found("", page, 30, "utf-8", "guess"); /* cut in a character */
}

static void invalid_utf8_is_mended_wrongly(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "a\xff" "b", "a\xef\xbf\xbd" "b" },
        { "\xe2\x82", "\xef\xbf\xbd" },
        { "\xe2\x82z", "\xef\xbf\xbdz" },
        { "\xf0\x9f\x98z", "\xef\xbf\xbdz" },
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
        { "\xef\xbb\xbfx", "x" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct found f = text_of(STR("text/html; charset=utf-8"), cases[i].in, strlen(cases[i].in));
        assert_int_equal(f.text.n, strlen(cases[i].out));
        assert_memory_equal(f.text.p, cases[i].out, f.text.n);
        found_release(&f);
    }
}

static void valid_utf8_is_copied(void **state)
{
    struct found f = text_of(STR("text/html; charset=utf-8"), languages[6].text, strlen(languages[6].text));

    assert_ptr_equal(f.text.p, f.g.p);
    found_release(&f);
}

static void cut_multibyte_text_is_read_too_far(void **state)
{
    for (size_t i = 0; i < N_LANGUAGES; i++) {
        char bytes[ROOM], type[64];
        size_t n = encode(languages[i].iconv, languages[i].text, bytes, sizeof bytes);
        snprintf(type, sizeof type, "text/html; charset=%s", languages[i].label);
        for (size_t cut = 0; cut < n && cut < 12; cut++) {
            struct found f = text_of((trommel_str){ type, strlen(type) }, bytes, n - cut);
            assert_int_equal(utf8_valid(f.text.p, f.text.n), f.text.n);
            found_release(&f);
            f = text_of(STR(""), bytes + cut, n - cut);
            assert_int_equal(utf8_valid(f.text.p, f.text.n), f.text.n);
            found_release(&f);
        }
    }
}

static void text_outgrows_its_limit(void **state)
{
    static char high[100000];
    struct buf room = BUF_INIT(150000);
    trommel_str text;

    memset(high, 0x80, sizeof high); /* the euro sign in windows-1252: three bytes each */
    struct charset c = { LXB_ENCODING_WINDOWS_1252, "windows-1252", "header" };
    assert_int_equal(charset_convert(c, (trommel_str){ high, sizeof high }, &room, &text), ERR_LIMIT);
    assert_true(room.cap <= 150000);
    buf_release(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_is_not_the_standards),
        cmocka_unit_test(the_prescan_is_not_the_standards),
        cmocka_unit_test(a_late_meta_is_not_seen),
        cmocka_unit_test(the_prescan_reads_too_far),
        cmocka_unit_test(a_declared_encoding_loses_text),
        cmocka_unit_test(an_undeclared_encoding_is_not_found),
        cmocka_unit_test(latin_text_in_a_multibyte_encoding_is_not_found),
        cmocka_unit_test(broken_utf8_is_taken_for_something_else),
        cmocka_unit_test(invalid_utf8_is_mended_wrongly),
        cmocka_unit_test(valid_utf8_is_copied),
        cmocka_unit_test(cut_multibyte_text_is_read_too_far),
        cmocka_unit_test(text_outgrows_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
