/* Golden records: made by another packer, they must be read, checked and printed as their .json says.
 * Runs in the project's folder. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "record/record.h"

#define GOLDEN "schemas/golden/"

static void file_read(const char *name, const char *ending, struct buf *b)
{
    char path[400];

    snprintf(path, sizeof path, GOLDEN "%s%s", name, ending);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s is not there", path);
    buf_init(b, 1 * MIB);
    for (size_t n = 1; n;) {
        unsigned char *room = buf_room(b, 4096);
        assert_non_null(room);
        n = fread(room, 1, 4096, f);
        b->len += n;
    }
    fclose(f);
}

static void golden_check(const char *name)
{
    struct buf packed, text, out = BUF_INIT(1 * MIB);
    struct err err = { 0 };

    file_read(name, ".msgpack", &packed);
    file_read(name, ".json", &text);
    if (record_check(packed.data, packed.len, &err) < 0)
        fail_msg("%s: %s", name, err.text);
    assert_int_equal(record_json(packed.data, packed.len, &out), 0);
    buf_add_byte(&out, '\n');
    assert_string_equal(buf_cstr(&out), buf_cstr(&text));
    buf_release(&packed);
    buf_release(&text);
    buf_release(&out);
}

static void test_msgpack_and_json_agree(void **state)
{
    DIR *dir = opendir(GOLDEN);
    struct dirent *entry;
    unsigned n = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        char name[256];
        snprintf(name, sizeof name, "%s", entry->d_name);
        char *dot = strstr(name, ".msgpack");
        if (!dot)
            continue;
        *dot = 0;
        golden_check(name);
        n++;
    }
    closedir(dir);
    assert_true(n >= 5);
}

/* Each byte of a golden record, changed: whatever it is then, nothing breaks. */
static void test_changed_bytes_break_nothing(void **state)
{
    static const unsigned char changes[] = { 0x00, 0x7f, 0x80, 0x9f, 0xc1, 0xc7, 0xdb, 0xdd, 0xdf, 0xff };
    struct buf packed, out = BUF_INIT(16 * MIB);
    struct mp_value v;

    file_read("ok", ".msgpack", &packed);
    for (size_t i = 0; i < packed.len; i++) {
        unsigned char was = packed.data[i];
        for (size_t k = 0; k < sizeof changes; k++) {
            packed.data[i] = changes[k];
            unsigned char *exact = malloc(packed.len); /* its own block: sanitizers see one byte too far */
            assert_non_null(exact);
            memcpy(exact, packed.data, packed.len);
            buf_clear(&out);
            int json = record_json(exact, packed.len, &out);
            int checked = record_check(exact, packed.len, NULL);
            record_get(exact, packed.len, "x.org.example", &v);
            record_get_str(exact, packed.len, "outcome.code");
            free(exact);
            assert_true(checked < 0 || json == 0);
        }
        packed.data[i] = was;
    }
    buf_release(&packed);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msgpack_and_json_agree),
        cmocka_unit_test(test_changed_bytes_break_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
