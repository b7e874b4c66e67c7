/* chain.json: what is written comes back, and nothing else is believed. */
#include "built.h"

#include <sys/stat.h>

#include "chain/edit.h"
#include "chain/swap_own.h"
#include "tests/unit/effort.h"
#include "tests/unit/frontier/folder.h"

static struct swap_chain *chain_of(const char *dir, const char *value, uint32_t generation)
{
    struct chain_config config = { .items = calloc(2, sizeof(struct chain_item)),
                                   .sets = calloc(2, sizeof(struct chain_set)),
                                   .n_items = 2,
                                   .n_sets = 2 };
    struct swap_chain *c;

    config.items[0].ref = strdup("layout");
    assert_true(asprintf(&config.items[0].path, "%s/stages/layout-0.so", dir) > 0);
    config.items[1].ref = strdup("./pri\xff"
                                 "ce.so"); /* a path need not be UTF-8 */
    config.items[1].path = strdup("/somewhere/pri\xff"
                                  "ce.so");
    config.sets[0] =
        (struct chain_set){ .stage = strdup("price"), .option = strdup("mark"), .value = strdup(value) };
    config.sets[1] = (struct chain_set){ .stage = strdup("layout"),
                                         .option = strdup("model"),
                                         .value = strdup(""),
                                         .dir = strdup("models"),
                                         .item = 1,
                                         .soft = 1 };
    c = swap_chain_new(&config, generation % 2 ? POOL_GEN_NETWORK : 0);
    strcpy(c->sha[0], "0123456789abcdef0123456789abcdef");
    strcpy(c->hash, "fedcba9876543210fedcba9876543210");
    c->generation = generation;
    return c;
}

static void kept_make(const char *dir, struct swap_kept *k)
{
    struct err err = { 0 };

    *k = (struct swap_kept){ .last_generation = 12, .history = json_array() };
    assert_true(asprintf(&k->path, "%s/chain.json", dir) > 0);
    strcpy(k->base, "00000000000000000000000000000001");
    assert_int_equal(chain_config_set(&k->args, "price.mark=arg", &err), 0);
    k->live = chain_of(dir, "EUR\n\"", 11);
    for (uint32_t i = 1; i < 4; i++) {
        struct swap_chain *c = chain_of(dir, "\x80\xff", i);
        swap_kept_push(k, c);
        swap_chain_unref(&c);
    }
    swap_row_add(k, 11, "replace \xff", "uid 7", "settled");
}

static void check_chain(const struct swap_chain *a, const struct swap_chain *b)
{
    char name_a[STAGE_HASH_BYTES], name_b[STAGE_HASH_BYTES];

    swap_chain_name(a, name_a);
    swap_chain_name(b, name_b);
    assert_string_equal(name_a, name_b);
    assert_int_equal(a->generation, b->generation);
    assert_int_equal(a->flags, b->flags);
    assert_string_equal(a->hash, b->hash);
    assert_int_equal(a->config.n_items, b->config.n_items);
    for (size_t i = 0; i < a->config.n_items; i++) {
        assert_string_equal(a->config.items[i].path, b->config.items[i].path);
        assert_string_equal(a->sha[i], b->sha[i]);
    }
    assert_int_equal(b->config.sets[1].soft, 1);
    assert_string_equal(b->config.sets[1].dir, "models");
    assert_null(b->config.sets[0].dir);
}

static void what_is_written_does_not_come_back(void **state)
{
    char *dir = folder_new();
    struct swap_kept k, back;
    struct err err = { 0 };

    (void)state;
    kept_make(dir, &k);
    if (swap_kept_write(&k, &err) || swap_kept_read(k.path, &back, &err))
        fail_msg("%s", err.text);
    assert_int_equal(back.last_generation, 12);
    assert_string_equal(back.base, k.base);
    assert_int_equal(back.args.n_sets, 1);
    assert_string_equal(back.args.sets[0].value, "arg");
    check_chain(k.live, back.live);
    assert_string_equal(back.live->config.sets[0].value, "EUR\n\"");
    assert_int_equal(back.n_earlier, 3);
    for (unsigned i = 0; i < 3; i++)
        check_chain(k.earlier[i], back.earlier[i]);
    assert_string_equal(back.earlier[0]->config.sets[0].value, "\x80\xff");
    assert_true(json_equal(k.history, back.history));
    swap_kept_release(&back);
    swap_kept_release(&k);
    folder_remove(dir);
}

static void chains_and_rows_grow_without_end(void **state)
{
    char *dir = folder_new();
    struct swap_kept k;
    struct swap_chain *c;

    (void)state;
    kept_make(dir, &k);
    c = chain_of(dir, "", 77);
    for (int i = 0; i < 300; i++) {
        swap_row_add(&k, (uint32_t)i, "set", NULL, "settled");
        swap_kept_push(&k, c);
    }
    assert_int_equal(json_array_size(k.history), SWAP_HISTORY_MAX);
    assert_int_equal(k.n_earlier, SWAP_EARLIER_MAX);
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(k.history, SWAP_HISTORY_MAX - 1), "generation")),
        299);
    swap_chain_unref(&c);
    swap_kept_release(&k);
    folder_remove(dir);
}

static char *text_of(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);

    assert_non_null(f);
    *ret_n = fread(text, 1, (1 << 20) - 1, f);
    fclose(f);
    return text;
}

static int read_bytes(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "wb");
    struct err err = { 0 };
    struct swap_kept k;
    int rc;

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
    rc = swap_kept_read(path, &k, &err);
    assert_true(rc == 0 || rc == ERR_CORRUPT);
    if (rc) {
        assert_null(k.live);
        assert_int_equal(k.n_earlier, 0);
        assert_non_null(strstr(err.text, "chain.json:"));
    }
    swap_kept_release(&k);
    return rc;
}

/* Cut at every place, and with every byte changed. */
static void a_damaged_state_is_believed(void **state)
{
    char *dir = folder_new(), *text;
    struct swap_kept k;
    struct err err = { 0 };
    size_t n, end;

    (void)state;
    kept_make(dir, &k);
    assert_int_equal(swap_kept_write(&k, &err), 0);
    text = text_of(k.path, &n);
    for (end = n; end && text[end - 1] != '}'; end--)
        ;
    for (size_t i = 0; i < end; i += 10 / effort(10)) /* 1, or 5 where everything is slow */
        assert_int_equal(read_bytes(k.path, text, i), ERR_CORRUPT);
    for (size_t i = 0; i < n; i += 10 / effort(10)) {
        char was = text[i];
        text[i] = was == '0' ? '9' : was == '"' ? '7' : was == '[' ? '{' : '"';
        read_bytes(k.path, text, n);
        text[i] = was;
    }
    assert_int_equal(read_bytes(k.path, text, n), 0);
    free(text);
    swap_kept_release(&k);
    folder_remove(dir);
}

/* Values of another type, or out of their range, one at a time. */
static void a_value_out_of_range_is_believed(void **state)
{
    static const struct {
        const char *path[4], *value;
    } cases[] = {
        { { "v" }, "2" },
        { { "last_generation" }, "0" },
        { { "last_generation" }, "4294967295" },
        { { "last_generation" }, "-1" },
        { { "base" }, "\"short\"" },
        { { "args" }, "{}" },
        { { "live" }, "null" },
        { { "live", "hash" }, "7" },
        { { "live", "generation" }, "-3" },
        { { "live", "items" }, "7" },
        { { "live", "items", "0" }, "\"layout\"" },
        { { "live", "items", "0", "file" }, "\"../../evil.so\"" },
        { { "live", "items", "0", "sha" }, "\"xyz\"" },
        { { "live", "items", "0", "ref" }, "{\"hex\": \"0g\"}" },
        { { "live", "sets", "1", "item" }, "3" },
        { { "live", "sets", "1", "item" }, "-1" },
        { { "live", "sets", "0", "stage" }, "null" },
        { { "earlier" }, "[7]" },
        { { "history" }, "[7]" },
        { { "history" }, "null" },
    };
    char *dir = folder_new();
    struct swap_kept k;
    struct err err = { 0 };

    (void)state;
    kept_make(dir, &k);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *root, *at;
        const char *key = NULL;
        char *text;
        assert_int_equal(swap_kept_write(&k, &err), 0);
        root = at = json_load_file(k.path, 0, NULL);
        for (int d = 0; d < 4 && cases[i].path[d]; d++) {
            if (key)
                at = json_is_array(at) ? json_array_get(at, (size_t)atoi(key)) : json_object_get(at, key);
            key = cases[i].path[d];
        }
        assert_non_null(at);
        if (json_is_array(at))
            json_array_set_new(at, (size_t)atoi(key), json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        else
            json_object_set_new(at, key, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        text = json_dumps(root, 0);
        if (read_bytes(k.path, text, strlen(text)) != ERR_CORRUPT)
            fail_msg("case %zu: %s", i, text);
        free(text);
        json_decref(root);
    }
    swap_kept_release(&k);
    folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_does_not_come_back),
        cmocka_unit_test(chains_and_rows_grow_without_end),
        cmocka_unit_test(a_damaged_state_is_believed),
        cmocka_unit_test(a_value_out_of_range_is_believed),
    };

    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
