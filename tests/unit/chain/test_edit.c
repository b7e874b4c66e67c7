/* A change made in a chain's configuration: what comes where, and what becomes of the options.  A
 * configuration is written as text: "a.so b.so | 1:x=1 b:y=2~" has two items, the option x set beside
 * the first and y of the stage b, the latter kept from a stage that was replaced (~). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "chain/edit.h"

/* ---- configurations as text ---- */

static void set_read(struct chain_config *c, char *word)
{
    struct chain_set *s = &c->sets[c->n_sets++];
    char *colon = strchr(word, ':'), *eq = strchr(word, '='), *soft = strchr(word, '~');

    if (soft)
        *soft = 0;
    *colon = *eq = 0;
    *s = (struct chain_set){ .soft = soft != NULL, .item = strtoul(word, NULL, 10) };
    s->stage = strdup(s->item ? c->items[s->item - 1].ref : word);
    s->option = strdup(colon + 1);
    s->value = strdup(eq + 1);
    s->dir = s->item ? strdup("/d") : NULL;
}

static struct chain_config config_of(const char *text)
{
    struct chain_config c = { .items = calloc(LIMIT_STAGES + 1, sizeof *c.items),
                              .sets = calloc(LIMIT_SETS + 1, sizeof *c.sets) };
    char *copy = strdup(text), *rest = copy, *word;
    int sets = 0;

    while ((word = strsep(&rest, " "))) {
        if (!strcmp(word, "|"))
            sets = 1;
        else if (*word && sets)
            set_read(&c, word);
        else if (*word) {
            c.items[c.n_items].path = malloc(300);
            snprintf(c.items[c.n_items].path, 300, "/at/%s", word);
            c.items[c.n_items++].ref = strdup(word);
        }
    }
    free(copy);
    return c;
}

static void config_print(const struct chain_config *c, struct buf *out)
{
    buf_clear(out);
    for (size_t i = 0; i < c->n_items; i++)
        buf_printf(out, "%s%s%s", i ? " " : "", c->items[i].ref, c->items[i].path ? "" : "!");
    for (size_t i = 0; i < c->n_sets; i++) {
        const struct chain_set *s = &c->sets[i];
        buf_printf(out, "%s", i ? " " : " | ");
        if (s->item)
            buf_printf(out, "%zu", s->item);
        else
            buf_printf(out, "%s", s->stage);
        buf_printf(out, ":%s=%s%s", s->option, s->value, s->soft ? "~" : "");
        if (s->item && strcmp(s->stage, c->items[s->item - 1].ref) != 0)
            buf_printf(out, "(of %s)", s->stage);
    }
}

/* "a b+c d": the stages a; b and c of one file; d. */
static size_t stages_of(const char *text, char *copy, struct edit_stage *stages)
{
    size_t n = 0, item = 0;

    strcpy(copy, text);
    for (char *p = copy; *p;) {
        stages[n++] = (struct edit_stage){ p, item };
        p += strcspn(p, " +");
        item += *p == ' ';
        if (*p)
            *p++ = 0;
    }
    return n;
}

/* Words into an array for a change. */
static size_t words_of(char *copy, const char **words)
{
    size_t n = 0;

    for (char *p = copy, *word; (word = strsep(&p, " "));)
        if (*word)
            words[n++] = word;
    return n;
}

struct row {
    const char *config, *stages;
    enum swap_kind kind;
    const char *id, *file, *after, *sets, *ids;
    const char *want; /* the configuration, or part of the message */
    int code;
};

static int row_run(const struct row *r, struct buf *got, struct err *err)
{
    struct chain_config c = config_of(r->config), ret;
    struct edit_stage stages[LIMIT_STAGES + 1];
    char ids[8000], words_a[4000], words_b[8000];
    const char *sets[100], *order[LIMIT_STAGES + 2];
    size_t n = stages_of(r->stages, ids, stages), item = 99;
    struct swap_change change = { .kind = r->kind, .id = r->id, .file = r->file, .after = r->after };
    struct buf before = BUF_INIT(MIB);

    snprintf(words_a, sizeof words_a, "%s", r->sets ? r->sets : "");
    snprintf(words_b, sizeof words_b, "%s", r->ids ? r->ids : "");
    change.n_sets = words_of(words_a, sets);
    change.sets = sets;
    change.n_ids = words_of(words_b, order);
    change.ids = order;
    config_print(&c, &before);
    int rc = edit_make(&c, stages, n, &change, &ret, &item, err);
    config_print(&c, got); /* what was edited is as it was */
    assert_string_equal(buf_cstr(got), buf_cstr(&before));
    config_print(&ret, got);
    if (!rc && item != EDIT_NO_ITEM)
        assert_null(ret.items[item].path);
    for (size_t i = 0; !rc && i < ret.n_items; i++)
        assert_true((ret.items[i].path == NULL) == (i == item));
    if (rc)
        assert_true(!ret.items && !ret.sets && !ret.n_items);
    chain_config_release(&ret);
    chain_config_release(&c);
    buf_release(&before);
    return rc;
}

static void rows_run(const struct row *rows, size_t n)
{
    struct buf got = BUF_INIT(MIB);

    for (size_t i = 0; i < n; i++) {
        struct err err = { 0 };
        int rc = row_run(&rows[i], &got, &err);
        if (rc != rows[i].code)
            fail_msg("row %zu: %s: %s", i, err_name(rc), err.text);
        if (rc ? !strstr(err.text, rows[i].want) : strcmp(buf_cstr(&got), rows[i].want) != 0)
            fail_msg("row %zu: %s, not %s", i, rc ? err.text : buf_cstr(&got), rows[i].want);
    }
    buf_release(&got);
}
#define ROWS_RUN(rows) rows_run(rows, sizeof(rows) / sizeof((rows)[0]))

/* ---- the changes ---- */

static void an_added_stage_comes_elsewhere(void **state)
{
    static const struct row rows[] = {
        { "a b c", "a b c", SWAP_ADD, .file = "n.so", .want = "a b c n.so!" },
        { "", "", SWAP_ADD, .file = "n.so", .want = "n.so!" },
        { "a b c", "a b c", SWAP_ADD, .file = "n.so", .after = "a", .want = "a n.so! b c" },
        { "a b c", "a b c", SWAP_ADD, .file = "n.so", .after = "c", .want = "a b c n.so!" },
        { "a b c | 1:x=1 2:x=2 3:x=3 b:y=4", "a b c", SWAP_ADD, .file = "n.so", .after = "a", .sets = "k=v l=w=x m=",
          .want = "a n.so! b c | 1:x=1 3:x=2 4:x=3 b:y=4 2:k=v 2:l=w=x 2:m=" },
        { "a f.so c", "a p+q c", SWAP_ADD, .file = "n.so", .after = "q", .want = "a f.so n.so! c" },
        { "a f.so c", "a p+q c", SWAP_ADD, .file = "n.so", .after = "p", .code = ERR_USAGE,
          .want = "stage `p` is followed by `q` of the same file (f.so)" },
        { "a b c", "a b c", SWAP_ADD, .file = "n.so", .after = "z", .code = ERR_USAGE,
          .want = "no stage `z` in the chain; there: a, b, c" },
        { "", "", SWAP_ADD, .file = "n.so", .after = "z", .code = ERR_USAGE, .want = "there: none" },
        { "a", "a", SWAP_ADD, .code = ERR_USAGE, .want = "which file is to be added?" },
        { "a", "a", SWAP_ADD, .file = "n.so", .sets = "k",
          .code = ERR_USAGE, .want = "`k` is not of the form" },
        { "a", "a", SWAP_ADD, .file = "n.so", .sets = "=k", .code = ERR_USAGE, .want = "OPTION=VALUE" },
    };

    (void)state;
    ROWS_RUN(rows);
}

static void a_removed_stage_leaves_something(void **state)
{
    static const struct row rows[] = {
        { "a b c", "a b c", SWAP_REMOVE, .id = "b", .want = "a c" },
        { "a", "a", SWAP_REMOVE, .id = "a", .want = "" },
        { "a b c | b:x=1 2:y=2 3:z=3 a:w=4 1:v=5", "a b c", SWAP_REMOVE, .id = "b",
          .want = "a c | 2:z=3 a:w=4 1:v=5" },
        { "a b | b:x=1~ gone:x=1~", "a b", SWAP_REMOVE, .id = "b", .want = "a | gone:x=1~" },
        { "a f.so", "a p+q", SWAP_REMOVE, .id = "q", .code = ERR_USAGE,
          .want = "stage `q` lies in one file (f.so) with p, which would go too" },
        { "a f.so | p:x=1 q:y=2 2:z=3 a:w=4", "a p+q", SWAP_REMOVE, .id = "f.so", .want = "a | a:w=4" },
        { "a ./d/f.so", "a p+q", SWAP_REMOVE, .id = "f.so", .want = "a" },
        { "a ./d/f.so", "a p+q", SWAP_REMOVE, .id = "/at/./d/f.so", .want = "a" },
        { "a ./d/f.so ./e/f.so", "a p q", SWAP_REMOVE, .id = "f.so",
          .code = ERR_USAGE, .want = "no stage `f.so`" },
        { "a ./d/f.so ./e/f.so", "a p q", SWAP_REMOVE, .id = "./e/f.so", .want = "a ./d/f.so" },
        { "a b", "a b", SWAP_REMOVE, .id = "c",
          .code = ERR_USAGE, .want = "no stage `c` in the chain; there: a, b" },
        { "a b", "a b", SWAP_REMOVE, .code = ERR_USAGE, .want = "which stage?" },
        /* what an id is called comes before what a file is called */
        { "b ./d/b", "a b", SWAP_REMOVE, .id = "b", .want = "b" },
    };

    (void)state;
    ROWS_RUN(rows);
}

static void a_replaced_stage_loses_its_options(void **state)
{
    static const struct row rows[] = {
        { "a b c", "a b c", SWAP_REPLACE, .id = "b", .file = "n.so", .want = "a n.so! c" },
        /* what was set stays, softly, for whatever id the new one has */
        { "a b c | b:x=1 2:y=2 a:x=3 3:z=4", "a b c", SWAP_REPLACE, .id = "b", .file = "n.so",
          .want = "a n.so! c | 2:x=1~ 2:y=2~ a:x=3 3:z=4" },
        { "a b | b:x=1 2:x=2 2:y=3 a:x=4", "a b", SWAP_REPLACE, .id = "b", .file = "n.so", .sets = "x=9",
          .want = "a n.so! | 2:y=3~ a:x=4 2:x=9" },
        { "a b | b:xx=1 b:x=2", "a b", SWAP_REPLACE, .id = "b", .file = "n.so", .sets = "x=9",
          .want = "a n.so! | 2:xx=1~ 2:x=9" },
        /* again and again: no longer list */
        { "a b | 2:x=1~ 2:y=2~", "a b", SWAP_REPLACE, .id = "b", .file = "n.so",
          .want = "a n.so! | 2:x=1~ 2:y=2~" },
        /* a file of several: each keeps its own under its own name */
        { "a f.so | p:x=1 q:x=2 2:y=3", "a p+q", SWAP_REPLACE, .id = "q", .file = "n.so", .sets = "x=9",
          .want = "a n.so! | p:x=1~ 2:y=3~ q:x=9" },
        { "a f.so | p:x=1 q:x=2 2:y=3", "a p+q", SWAP_REPLACE, .id = "f.so", .file = "n.so", .sets = "x=9",
          .want = "a n.so! | 2:y=3~ 2:x=9" },
        { "a b", "a b", SWAP_REPLACE, .id = "c", .file = "n.so", .code = ERR_USAGE, .want = "there: a, b" },
        { "a b", "a b", SWAP_REPLACE, .id = "b",
          .code = ERR_USAGE, .want = "`b` is to be replaced by which file?" },
        { "a b", "a b", SWAP_REPLACE, .file = "n.so", .code = ERR_USAGE, .want = "which stage?" },
    };

    (void)state;
    ROWS_RUN(rows);
}

static void an_option_is_set_wrongly(void **state)
{
    static const struct row rows[] = {
        { "a b", "a b", SWAP_SET, .id = "b", .sets = "x=1", .want = "a b | b:x=1" },
        { "a b | a:x=0", "a b", SWAP_SET, .id = "b", .sets = "x=1 y=2 x=3",
          .want = "a b | a:x=0 b:x=1 b:y=2 b:x=3" },
        /* what was set before goes */
        { "a b | b:x=0 2:x=7 2:y=8 a:x=0 b:x=5~", "a b", SWAP_SET, .id = "b", .sets = "x=1",
          .want = "a b | 2:y=8 a:x=0 b:x=1" },
        /* what is set beside a file of several may be another stage's */
        { "a f.so | 2:x=7 p:x=1 q:x=2", "a p+q", SWAP_SET, .id = "q", .sets = "x=3",
          .want = "a f.so | 2:x=7 p:x=1 q:x=3" },
        { "a b", "a b", SWAP_SET, .id = "c", .sets = "x=1", .code = ERR_USAGE, .want = "no stage `c`" },
        { "a b", "a b", SWAP_SET, .sets = "x=1", .code = ERR_USAGE, .want = "which stage?" },
        { "a b", "a b", SWAP_SET, .id = "b", .code = ERR_USAGE, .want = "stage `b`: which option?" },
        { "a b", "a b", SWAP_SET, .id = "b", .sets = "x",
          .code = ERR_USAGE, .want = "`x` is not of the form" },
    };

    (void)state;
    ROWS_RUN(rows);
}

static void a_wrong_order_is_taken(void **state)
{
    static const struct row rows[] = {
        { "a b c | 1:x=1 2:x=2 c:x=3", "a b c", SWAP_REORDER, .ids = "c a b",
          .want = "c a b | 2:x=1 3:x=2 c:x=3" },
        { "a b", "a b", SWAP_REORDER, .ids = "a b", .want = "a b" },
        { "", "", SWAP_REORDER, .want = "" },
        { "a f.so c | 2:x=1", "a p+q c", SWAP_REORDER, .ids = "c p q a", .want = "c f.so a | 2:x=1" },
        { "a f.so c", "a p+q c", SWAP_REORDER, .ids = "c q p a", .code = ERR_USAGE,
          .want = "stages `p` and `q` lie in one file (f.so): they follow each other" },
        { "a f.so c", "a p+q c", SWAP_REORDER, .ids = "p a q c",
          .code = ERR_USAGE, .want = "follow each other" },
        { "a b c", "a b c", SWAP_REORDER, .ids = "c a", .code = ERR_USAGE, .want = "the new order lacks b" },
        { "a b c", "a b c", SWAP_REORDER, .code = ERR_USAGE, .want = "the new order lacks a, b, c" },
        { "a b c", "a b c", SWAP_REORDER, .ids = "c a c",
          .code = ERR_USAGE, .want = "stage `c` is named twice" },
        { "a b c", "a b c", SWAP_REORDER, .ids = "c a b c",
          .code = ERR_USAGE, .want = "stage `c` is named twice" },
        { "a b c", "a b c", SWAP_REORDER, .ids = "c z b", .code = ERR_USAGE, .want = "no stage `z`" },
    };

    (void)state;
    ROWS_RUN(rows);
}

static void what_is_no_edit_is_made(void **state)
{
    static const struct row rows[] = {
        { "a", "a", SWAP_RELOAD, .code = ERR_UNSUPPORTED, .want = "not made by editing" },
        { "a", "a", SWAP_ROLLBACK, .code = ERR_UNSUPPORTED, .want = "not made by editing" },
        /* stages that do not fit the files */
        { "a b", "a", SWAP_REMOVE, .id = "a", .code = ERR_INVALID, .want = "not known" },
        { "a", "a b", SWAP_REMOVE, .id = "a", .code = ERR_INVALID, .want = "not known" },
        { "a", "", SWAP_REMOVE, .id = "a", .code = ERR_INVALID, .want = "not known" },
    };

    (void)state;
    ROWS_RUN(rows);
}

/* ---- every small case against what must hold for all ---- */

/* Which of the items that were is at each place now; its own option (set beside it, and by its id) must
 * be there. */
static void options_follow(const struct chain_config *c, unsigned round)
{
    for (size_t i = 0; i < c->n_sets; i++) {
        const struct chain_set *s = &c->sets[i];
        if (s->item && (s->item > c->n_items || strcmp(c->items[s->item - 1].ref, s->stage) != 0 ||
                        strcmp(s->value, s->stage) != 0))
            fail_msg("round %u: set %zu is beside item %zu, and was %s's", round, i, s->item, s->value);
    }
}

/* All orders of four files, the second of which may hold two stages: the options set beside each stay
 * beside it. */
static void an_order_parts_options_from_their_stage(void **state)
{
    static const char *const ids[2][5] = { { "a", "b", "c", "d" }, { "a", "p", "q", "c", "d" } };
    unsigned tried = 0, taken = 0;

    (void)state;
    for (unsigned wide = 0; wide < 2; wide++) {
        struct edit_stage stages[5];
        size_t n = 4 + wide, digits[5];
        for (size_t i = 0; i < n; i++)
            stages[i] = (struct edit_stage){ ids[wide][i], wide && i > 1 ? i - 1 : i };
        for (unsigned code = 0; code < (wide ? 3125u : 256u); code++) {
            struct chain_config c = config_of("a b c d | 1:o=a 2:o=b 3:o=c 4:o=d"), ret;
            const char *order[5];
            unsigned rest = code, seen = 0;
            for (size_t i = 0; i < n; i++, rest /= (unsigned)n) {
                digits[i] = rest % n;
                order[i] = ids[wide][digits[i]];
                seen |= 1u << digits[i];
            }
            int together = 1;
            for (size_t i = 0; wide && i < n; i++)
                together = together && (digits[i] != 2 || (i && digits[i - 1] == 1));
            int fits = seen == (1u << n) - 1 && together;
            struct swap_change change = { .kind = SWAP_REORDER, .ids = order, .n_ids = n };
            int rc = edit_make(&c, stages, n, &change, &ret, NULL, NULL);
            assert_int_equal(rc, fits ? 0 : ERR_USAGE);
            options_follow(&ret, code);
            for (size_t i = 0, k = 0; fits && i < n; i++) {
                if (wide && digits[i] == 2)
                    continue;
                assert_string_equal(ret.items[k++].ref, c.items[stages[digits[i]].item].ref);
            }
            tried++;
            taken += (unsigned)fits;
            chain_config_release(&ret);
            chain_config_release(&c);
        }
    }
    assert_int_equal(tried, 256 + 3125);
    assert_int_equal(taken, 24 + 24);
}

static void a_full_chain_takes_one_more(void **state)
{
    struct buf config = BUF_INIT(MIB), got = BUF_INIT(MIB);
    struct err err = { 0 };

    (void)state;
    for (unsigned i = 0; i < LIMIT_STAGES; i++)
        buf_printf(&config, "%ss%u", i ? " " : "", i);
    struct row r = { buf_cstr(&config), buf_cstr(&config), SWAP_ADD, .file = "n.so" };
    assert_int_equal(row_run(&r, &got, &err), ERR_LIMIT);
    assert_non_null(strstr(err.text, "more than 64 stages"));
    r.kind = SWAP_REMOVE;
    r.id = "unknown";
    assert_int_equal(row_run(&r, &got, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "s0, s1, "));
    r.kind = SWAP_REPLACE;
    r.id = "s63";
    assert_int_equal(row_run(&r, &got, &err), 0);
    assert_non_null(strstr(buf_cstr(&got), "s62 n.so!"));
    buf_release(&config);
    buf_release(&got);
}

static void too_many_options_are_set(void **state)
{
    struct chain_config c = config_of("a"), ret;
    struct edit_stage stage = { "a", 0 };
    static const char *sets[LIMIT_SETS + 1];
    static char texts[LIMIT_SETS + 1][16];
    struct swap_change change = { .kind = SWAP_SET, .id = "a", .sets = sets, .n_sets = LIMIT_SETS + 1 };
    struct err err = { 0 };

    (void)state;
    for (unsigned i = 0; i <= LIMIT_SETS; i++) {
        snprintf(texts[i], sizeof texts[i], "o%u=%u", i, i);
        sets[i] = texts[i];
    }
    assert_int_equal(edit_make(&c, &stage, 1, &change, &ret, NULL, &err), ERR_LIMIT);
    change.n_sets = LIMIT_SETS;
    assert_int_equal(edit_make(&c, &stage, 1, &change, &ret, NULL, &err), 0);
    assert_int_equal(ret.n_sets, LIMIT_SETS);
    chain_config_release(&c);
    c = ret;
    /* the same again takes no more room; one more does */
    assert_int_equal(edit_make(&c, &stage, 1, &change, &ret, NULL, &err), 0);
    assert_int_equal(ret.n_sets, LIMIT_SETS);
    chain_config_release(&ret);
    change.sets = sets + LIMIT_SETS;
    change.n_sets = 1;
    assert_int_equal(edit_make(&c, &stage, 1, &change, &ret, NULL, &err), ERR_LIMIT);
    chain_config_release(&c);
}

static void a_copy_shares_memory(void **state)
{
    struct chain_config c = config_of("a b | 1:x=1 b:y=2~"), copy, empty = { 0 };
    struct buf want = BUF_INIT(MIB), got = BUF_INIT(MIB);

    (void)state;
    assert_int_equal(chain_config_copy(&c, &copy, NULL), 0);
    config_print(&c, &want);
    chain_config_release(&c);
    config_print(&copy, &got);
    assert_string_equal(buf_cstr(&got), buf_cstr(&want));
    assert_string_equal(copy.items[1].path, "/at/b");
    assert_string_equal(copy.sets[0].dir, "/d");
    assert_null(copy.sets[1].dir);
    chain_config_release(&copy);
    assert_int_equal(chain_config_copy(&empty, &copy, NULL), 0);
    assert_int_equal(copy.n_items, 0);
    chain_config_release(&copy);
    buf_release(&want);
    buf_release(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_added_stage_comes_elsewhere),
        cmocka_unit_test(a_removed_stage_leaves_something),
        cmocka_unit_test(a_replaced_stage_loses_its_options),
        cmocka_unit_test(an_option_is_set_wrongly),
        cmocka_unit_test(a_wrong_order_is_taken),
        cmocka_unit_test(what_is_no_edit_is_made),
        cmocka_unit_test(an_order_parts_options_from_their_stage),
        cmocka_unit_test(a_full_chain_takes_one_more),
        cmocka_unit_test(too_many_options_are_set),
        cmocka_unit_test(a_copy_shares_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
