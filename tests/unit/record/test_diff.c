/* Two records compared: written as JSON (with ' for "), packed, compared; what is said is a line a field:
 * "kind path: old | new". */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "record/diff.h"

#include "../effort.h"
#include "../parse/guarded.h"

/* ---- records from text ---- */

static void quotes_change(char *p, char from, char to)
{
    for (; (p = strchr(p, from)); p++)
        *p = to;
}

static struct buf packed(const char *text)
{
    struct buf b = BUF_INIT(4 * MIB);
    char *quoted = strdup(text);
    json_error_t why;

    quotes_change(quoted, '\'', '"');
    json_t *j = json_loads(quoted, JSON_DECODE_ANY, &why);
    free(quoted);

    if (!j)
        fail_msg("%s: %s", text, why.text);
    mp_json(&b, j);
    json_decref(j);
    assert_int_equal(b.err, 0);
    return b;
}

static trommel_str str_of(const struct buf *b)
{
    return (trommel_str){ (const char *)b->data, b->len };
}

/* ---- what is said ---- */

struct said {
    struct buf text;
    int stop_at; /* fields; 0: never */
    int n, equal_too;
};

static int on_field(void *arg, const struct diff_field *f)
{
    struct said *s = arg;

    assert_int_equal(f->path.n, strlen(f->path.p));
    s->n++;
    if (f->kind != DIFF_EQUAL || s->equal_too) {
        buf_printf(&s->text, "%s %s: ", diff_kind_name(f->kind), f->path.p);
        if (f->old_raw.n)
            record_json(f->old_raw.p, f->old_raw.n, &s->text);
        buf_add_str(&s->text, " | ");
        if (f->new_raw.n)
            record_json(f->new_raw.p, f->new_raw.n, &s->text);
        buf_add_byte(&s->text, '\n');
    }
    quotes_change((char *)(uintptr_t)buf_cstr(&s->text), '"', '\'');
    return s->stop_at && s->n == s->stop_at ? 42 : 0;
}

static int run(const char *a, const char *b, const struct diff_ignore *ignore, struct said *said,
               uint64_t counts[DIFF_KINDS])
{
    struct buf old = packed(a), new = packed(b);
    struct guarded x = guarded_new(old.data, old.len), y = guarded_new(new.data, new.len);
    struct err err = { 0 };
    trommel_str p = { x.p, old.len }, q = { y.p, new.len };
    int rc = diff_records(p, q, ignore, on_field, said, counts, &err);

    if (rc < 0)
        fail_msg("%s", err.text);
    guarded_free(&x);
    guarded_free(&y);
    buf_release(&old);
    buf_release(&new);
    return rc;
}

static void expect(const char *a, const char *b, const char *want)
{
    struct said said = { .text = BUF_INIT(MIB) };

    assert_int_equal(run(a, b, NULL, &said, NULL), 0);
    if (strcmp(buf_cstr(&said.text), want) != 0)
        fail_msg("%s\n%s\nsays\n%snot\n%s", a, b, buf_cstr(&said.text), want);
    buf_release(&said.text);
}

/* ---- fields ---- */

static void a_difference_is_called_otherwise(void **state)
{
    (void)state;
    expect("{}", "{}", "");
    expect("{'a':1}", "{'a':1}", "");
    expect("{'a':1}", "{'a':2}", "differs a: 1 | 2\n");
    expect("{'a':1}", "{}", "missing a: 1 | \n");
    expect("{}", "{'a':1}", "extra a:  | 1\n");
    expect("{'a':'x','b':true}", "{'b':false,'c':[]}",
           "missing a: 'x' | \ndiffers b: true | false\nextra c:  | []\n");
    expect("{'meta':{'title':'T','lang':'en'},'v':1}", "{'meta':{'lang':'de','tags':['x']},'v':1}",
           "missing meta.title: 'T' | \ndiffers meta.lang: 'en' | 'de'\nextra meta.tags:  | ['x']\n");
    /* whole branches: each of their leaves */
    expect("{'meta':{'a':1,'b':{'c':2}}}", "{}", "missing meta.a: 1 | \nmissing meta.b.c: 2 | \n");
    expect("{}", "{'x':{'org.example':{'v':1,'w':[]}}}",
           "extra x.org.example.v:  | 1\nextra x.org.example.w:  | []\n");
    /* an empty map is a field */
    expect("{'a':{}}", "{}", "missing a: {} | \n");
    expect("{'a':{}}", "{'a':{}}", "");
    expect("{'a':{}}", "{'a':{'b':1}}", "extra a.b:  | 1\n");
    expect("{'a':{'b':1}}", "{'a':{}}", "missing a.b: 1 | \n");
    /* a map here, something else there */
    expect("{'a':{'b':1}}", "{'a':1}", "differs a: {'b':1} | 1\n");
    expect("{'a':[]}", "{'a':{}}", "differs a: [] | {}\n");
}

static void nil_is_something(void **state)
{
    (void)state;
    expect("{'a':null}", "{}", "");
    expect("{}", "{'a':null}", "");
    expect("{'a':null}", "{'a':null}", "");
    expect("{'a':null}", "{'a':1}", "extra a:  | 1\n");
    expect("{'a':1}", "{'a':null}", "missing a: 1 | \n");
    expect("{'a':{'b':1}}", "{'a':null}", "missing a.b: 1 | \n");
    expect("{'a':null}", "{'a':{'b':1,'c':null}}", "extra a.b:  | 1\n");
    expect("{'l':[{'a':1,'b':null}]}", "{'l':[{'a':1}]}", "");
    expect("{'l':[null]}", "{'l':[]}", "differs l: [null] | []\n");
}

static void arrays_are_taken_apart(void **state)
{
    (void)state;
    expect("{'l':[1,2,3]}", "{'l':[1,2,3]}", "");
    expect("{'l':[1,2,3]}", "{'l':[1,3,2]}", "differs l: [1,2,3] | [1,3,2]\n");
    expect("{'l':[1,2]}", "{'l':[1,2,3]}", "differs l: [1,2] | [1,2,3]\n");
    expect("{'l':[[1],[2.0]]}", "{'l':[[1.0],[2]]}", "");
    expect("{'l':[[1],[2]]}", "{'l':[[1],[3]]}", "differs l: [[1],[2]] | [[1],[3]]\n");
    /* maps in them: in any order */
    expect("{'l':[{'url':'u','kind':'k'}]}", "{'l':[{'kind':'k','url':'u'}]}", "");
    expect("{'l':[{'url':'u','kind':'k'}]}", "{'l':[{'kind':'k','url':'w'}]}",
           "differs l: [{'url':'u','kind':'k'}] | [{'kind':'k','url':'w'}]\n");
    expect("{'l':[{'a':1}]}", "{'l':[{'a':1,'b':2}]}", "differs l: [{'a':1}] | [{'a':1,'b':2}]\n");
    expect("{'l':[{'a':1,'b':2}]}", "{'l':[{'a':1}]}", "differs l: [{'a':1,'b':2}] | [{'a':1}]\n");
    expect("{'l':[{'a':[{'b':1,'c':2}]}]}", "{'l':[{'a':[{'c':2,'b':1}]}]}", "");
}

static void the_order_of_keys_counts(void **state)
{
    static const char *const orders[] = { "a b c d", "d c b a", "b d a c", "c a d b" };
    char x[400], y[400];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++) {
            const char *o = orders[i], *p = orders[k];
            snprintf(x, sizeof x, "{'%c':'%c','%c':'%c','%c':'%c','%c':'%c'}", o[0], o[0], o[2], o[2], o[4],
                     o[4], o[6], o[6]);
            snprintf(y, sizeof y, "{'%c':'%c','%c':'%c','e':5,'%c':'%c','%c':'%c'}", p[0], p[0], p[2], p[2],
                     p[4], p[4], p[6], p[6]);
            expect(x, x, "");
            expect(x, y, "extra e:  | 5\n");
            expect(y, x, "missing e: 5 | \n");
        }
    }
}

static void equal_numbers_differ(void **state)
{
    static const struct {
        const char *a, *b;
        int same;
    } rows[] = {
        { "1", "1.0", 1 },
        { "0", "-0.0", 1 },
        { "-1", "-1.0", 1 },
        { "-1", "1", 0 },
        { "1", "1.5", 0 },
        { "-1", "-1.5", 0 },
        { "9007199254740993", "9007199254740992.0", 0 }, /* 2^53 + 1 is no double */
        { "9007199254740992", "9007199254740992.0", 1 },
        { "9223372036854775807", "9223372036854775808.0", 0 },
        { "-9223372036854775808", "-9223372036854775808.0", 1 },
        { "1", "1e300", 0 },
        { "-1", "-1e300", 0 },
        { "0.1", "0.1", 1 },
        { "0.1", "0.2000000000000002", 0 },
        { "1", "'1'", 0 },
        { "1", "true", 0 },
        { "0", "false", 0 },
        { "'a'", "'a'", 1 },
        { "'a'", "'b'", 0 },
        { "'a'", "'ab'", 0 },
        { "''", "null", 0 },
        { "[]", "{}", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf a = packed(rows[i].a), b = packed(rows[i].b);
        if (diff_equal(str_of(&a), str_of(&b)) != rows[i].same ||
            diff_equal(str_of(&b), str_of(&a)) != rows[i].same)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
        buf_release(&a);
        buf_release(&b);
    }
}

/* Written in another form: a longer integer, float32, str8 for a short string, map32. */
static void another_form_is_another_value(void **state)
{
    static const struct {
        trommel_str a, b;
        int same;
    } rows[] = {
#define B(text) { text, sizeof(text) - 1 }
        { B("\x01"), B("\xcf\0\0\0\0\0\0\0\x01"), 1 },
        { B("\x01"), B("\xd3\0\0\0\0\0\0\0\x01"), 1 },
        { B("\xff"), B("\xd0\xff"), 1 },
        { B("\xca\x3f\x00\x00\x00"), B("\xcb\x3f\xe0\0\0\0\0\0\0"), 1 },
        { B("\xa1x"), B("\xd9\x01x"), 1 },
        { B("\xa1x"), B("\xc4\x01x"), 0 }, /* a string is not bytes */
        { B("\xc4\x01x"), B("\xc5\x00\x01x"), 1 },
        { B("\xc4\x01x"), B("\xc5\x00\x01y"), 0 },
        { B("\x81\xa1k\x01"), B("\xdf\0\0\0\x01\xa1k\xcc\x01"), 1 },
        { B("\x91\x01"), B("\xdc\x00\x01\xcc\x01"), 1 },
        { B("\xd4\x05z"), B("\xc7\x01\x05z"), 1 },
        { B("\xd4\x05z"), B("\xc7\x01\x06z"), 0 },
        { B("\xd4\x05z"), B("\xc7\x01\x05y"), 0 },
        { B("\xcb\x7f\xf8\0\0\0\0\0\0"), B("\xcb\x7f\xf8\0\0\0\0\0\x01"), 1 }, /* NaN */
        { B("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), B("\xcb\x43\xf0\0\0\0\0\0\0"), 0 }, /* 2^64 */
        { B("\xc2"), B("\xc3"), 0 },
        { B("\xc0"), B("\xc0"), 1 },
#undef B
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(diff_equal(rows[i].a, rows[i].b), rows[i].same);
        assert_int_equal(diff_equal(rows[i].b, rows[i].a), rows[i].same);
    }
}

static void an_ignored_field_is_told(void **state)
{
    static const char *const paths[] = { "chain", "meta.source", "x" };
    const struct diff_ignore ignore = { paths, 3 };
    struct said said = { .text = BUF_INIT(MIB), .equal_too = 1 };
    uint64_t counts[DIFF_KINDS];

    (void)state;
    assert_int_equal(run("{'chain':{'hash':'a'},'chains':1,'meta':{'source':{'t':1},'t':1,'sources':2},"
                         "'x':{'p':1},'n':{'chain':1}}",
                         "{'chain':{'hash':'b'},'chains':2,'meta':{'source':{'t':2},'t':1,'sources':2},"
                         "'n':{'chain':2},'x':{'q':1},'k':1}",
                         &ignore, &said, counts),
                     0);
    assert_string_equal(buf_cstr(&said.text),
                        "differs chains: 1 | 2\nequal meta.t: 1 | 1\nequal meta.sources: 2 | 2\n"
                        "differs n.chain: 1 | 2\nextra k:  | 1\n");
    assert_int_equal(counts[DIFF_EQUAL], 2);
    assert_int_equal(counts[DIFF_DIFFERS], 2);
    assert_int_equal(counts[DIFF_MISSING], 0);
    assert_int_equal(counts[DIFF_EXTRA], 1);
    buf_clear(&said.text);
    assert_int_equal(run("{'id':1,'fetched_at':'a','dedupe':{'of':1},'chain':{},'v':1}",
                         "{'id':2,'fetched_at':'b','v':1}", &diff_ignore_run, &said, counts),
                     0);
    assert_string_equal(buf_cstr(&said.text), "equal v: 1 | 1\n");
    buf_release(&said.text);
}

static void the_callback_cannot_end_it(void **state)
{
    struct said said = { .text = BUF_INIT(MIB), .stop_at = 2 };

    (void)state;
    assert_int_equal(run("{'a':1,'b':{'c':2,'d':3}}", "{'a':2,'b':{'c':3,'d':4}}", NULL, &said, NULL), 42);
    assert_int_equal(said.n, 2);
    said.stop_at = 4; /* among what is extra */
    said.n = 0;
    assert_int_equal(run("{'a':1}", "{'x':{'p':1,'q':2},'a':2,'z':1}", NULL, &said, NULL), 42);
    assert_int_equal(said.n, 4);
    buf_release(&said.text);
}

static void a_path_has_no_end(void **state)
{
    struct buf text = BUF_INIT(MIB);
    struct said said = { .text = BUF_INIT(MIB) };

    (void)state;
    buf_add_str(&text, "{'ab':{'");
    for (int i = 0; i < 300; i++)
        buf_add_str(&text, "\xc3\xa9"); /* é: two bytes; the cut falls into one */
    buf_add_str(&text, "':{'b':{'c':1}}}}");
    assert_int_equal(run(buf_cstr(&text), "{}", NULL, &said, NULL), 0);
    char *colon = strchr(buf_cstr(&said.text), ':');
    size_t n = (size_t)(colon - (char *)said.text.data) - strlen("missing ");
    assert_true(n <= DIFF_PATH_MAX && n >= DIFF_PATH_MAX - 1);
    assert_memory_equal(colon - n, "ab.\xc3\xa9", 5);
    assert_int_equal(utf8_valid(colon - n, n), n);
    buf_release(&text);
    buf_release(&said.text);
}

/* ---- hostile bytes ---- */

static int both_ways(trommel_str a, trommel_str b)
{
    struct err err = { 0 };
    int rc = diff_records(a, b, NULL, NULL, NULL, NULL, &err);

    assert_int_equal(rc < 0, err.text[0] != 0);
    assert_int_equal(rc < 0, diff_records(b, a, NULL, NULL, NULL, NULL, NULL) < 0);
    return rc;
}

static void what_is_no_record_is_compared(void **state)
{
    static const trommel_str wrong[] = {
#define B(text) { text, sizeof(text) - 1 }
        B(""), B("\x01"), B("\x90"), B("\xc0"), B("\x81"), B("\x81\xa1k"), B("\x81\x01\x01"),
        B("\x81\xa1k\x01\x01"), B("\x81\xa1k\x81\xa1"), B("\xdf\xff\xff\xff\xff"),
        B("\x81\xa1k\xdd\xff\xff\xff\xff"), B("\xc1"),
        B("\x81\xc0\x01"), B("\x81\xa1k\x81\x01\x01"),
#undef B
    };
    const trommel_str fine = { "\x81\xa1k\x81\xa1l\x01", 7 };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (both_ways(wrong[i], fine) != ERR_INVALID)
            fail_msg("%zu", i);
}

/* `levels` maps (or arrays in a map) in each other, and at the bottom a number. */
static struct buf nested(unsigned levels, int arrays, unsigned bottom)
{
    struct buf b = BUF_INIT(MIB);

    for (unsigned i = 0; i < levels; i++) {
        if (arrays && i)
            mp_array(&b, 1);
        else {
            mp_map(&b, 1);
            mp_cstr(&b, "k");
        }
    }
    mp_uint(&b, bottom);
    return b;
}

static void depth_has_no_end(void **state)
{
    (void)state;
    for (int arrays = 0; arrays < 2; arrays++) {
        const unsigned deep = LIMIT_RECORD_DEPTH;
        struct buf most = nested(deep, arrays, 1), same = nested(deep, arrays, 1),
                   other = nested(deep, arrays, 2), over = nested(deep + 1, arrays, 1),
                   over2 = nested(deep + 1, arrays, 2), far = nested(100000, arrays, 1),
                   far2 = nested(100000, arrays, 2);
        uint64_t counts[DIFF_KINDS];
        assert_int_equal(diff_records(str_of(&most), str_of(&same), NULL, NULL, NULL, counts, NULL), 0);
        assert_int_equal(counts[DIFF_EQUAL], 1);
        assert_int_equal(diff_records(str_of(&most), str_of(&other), NULL, NULL, NULL, counts, NULL), 0);
        assert_int_equal(counts[DIFF_DIFFERS], 1);
        assert_int_equal(both_ways(str_of(&over), str_of(&over2)), ERR_LIMIT);
        assert_int_equal(both_ways(str_of(&far), str_of(&far2)), ERR_LIMIT);
        buf_release(&most);
        buf_release(&same);
        buf_release(&other);
        buf_release(&over);
        buf_release(&over2);
        buf_release(&far);
        buf_release(&far2);
    }
}

static struct buf numbered(unsigned n, int backwards)
{
    struct buf b = BUF_INIT(16 * MIB);
    char key[16];

    mp_map(&b, n);
    for (unsigned i = 0; i < n; i++) {
        snprintf(key, sizeof key, "k%u", backwards ? n - 1 - i : i);
        mp_cstr(&b, key);
        mp_uint(&b, i);
    }
    return b;
}

/* A thousand keys backwards are compared; two hundred thousand would take their square, and are refused. */
static void disorder_takes_for_ever(void **state)
{
    const unsigned many = effort(200000);
    struct buf small = numbered(1000, 0), small_back = numbered(1000, 1), large = numbered(many, 0),
               large_back = numbered(many, 1), large_again = numbered(many, 0);
    uint64_t counts[DIFF_KINDS];

    (void)state;
    assert_int_equal(diff_records(str_of(&small), str_of(&small_back), NULL, NULL, NULL, counts, NULL), 0);
    assert_int_equal(counts[DIFF_DIFFERS], 1000);
    assert_int_equal(diff_records(str_of(&large), str_of(&large_again), NULL, NULL, NULL, counts, NULL), 0);
    assert_int_equal(counts[DIFF_EQUAL], many);
    assert_int_equal(diff_records(str_of(&large), str_of(&large_back), NULL, NULL, NULL, counts, NULL),
                     ERR_LIMIT);
    buf_release(&small);
    buf_release(&small_back);
    buf_release(&large);
    buf_release(&large_back);
    buf_release(&large_again);
}

/* Keys twice: whatever is said, it ends, and a record does not differ from itself in the last of them. */
static void keys_that_come_twice_hide_others(void **state)
{
    const trommel_str twice = { "\x83\xa1k\x01\xa1k\x02\xa1l\x03", 10 },
                      once = { "\x82\xa1k\x01\xa1l\x03", 7 }, other = { "\x82\xa1k\x01\xa1m\x03", 7 };
    uint64_t counts[DIFF_KINDS];

    (void)state;
    assert_int_equal(diff_records(twice, twice, NULL, NULL, NULL, counts, NULL), 0);
    assert_int_equal(counts[DIFF_EQUAL], 3);
    assert_int_equal(diff_records(twice, other, NULL, NULL, NULL, counts, NULL), 0);
    assert_int_equal(counts[DIFF_MISSING], 1);
    assert_int_equal(counts[DIFF_EXTRA], 1);
    assert_int_equal(diff_records(once, twice, NULL, NULL, NULL, counts, NULL), 0);
    assert_int_equal(counts[DIFF_EXTRA], 0);
}

/* Every byte of a record changed to every value, against the record: nothing reads past its end. */
static void changed_bytes_break_it(void **state)
{
    struct buf r = packed("{'v':1,'meta':{'title':'T','tags':['a',{'b':1.5}]},'n':null,'x':{'s':{}}}");
    struct guarded g = guarded_new(r.data, r.len);
    unsigned rounds = effort(256);

    (void)state;
    for (size_t i = 0; i < r.len; i++) {
        for (unsigned k = 0; k < rounds; k++) {
            g.p[i] = (char)(i + k * 37); /* all values in 256 rounds */
            diff_records((trommel_str){ g.p, r.len }, str_of(&r), NULL, NULL, NULL, NULL, NULL);
            diff_records(str_of(&r), (trommel_str){ g.p, r.len }, NULL, NULL, NULL, NULL, NULL);
        }
        g.p[i] = (char)r.data[i];
    }
    guarded_free(&g);
    buf_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_difference_is_called_otherwise),
        cmocka_unit_test(nil_is_something),
        cmocka_unit_test(arrays_are_taken_apart),
        cmocka_unit_test(the_order_of_keys_counts),
        cmocka_unit_test(equal_numbers_differ),
        cmocka_unit_test(another_form_is_another_value),
        cmocka_unit_test(an_ignored_field_is_told),
        cmocka_unit_test(the_callback_cannot_end_it),
        cmocka_unit_test(a_path_has_no_end),
        cmocka_unit_test(what_is_no_record_is_compared),
        cmocka_unit_test(depth_has_no_end),
        cmocka_unit_test(disorder_takes_for_ever),
        cmocka_unit_test(keys_that_come_twice_hide_others),
        cmocka_unit_test(changed_bytes_break_it),
    };

    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
