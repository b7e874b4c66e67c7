/* The configuration of a chain, options by their rows, and ELF notes of good and hostile files. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <trommel/sink.h>

#include "base/limits.h"
#include "chain/chain.h"
#include "chain/wire.h"

/* A file in memory with a path. */
static int file_of(const void *p, size_t n, char path[64])
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), n);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static int read_yaml(const char *text, struct chain_config *c, struct err *err)
{
    char path[64];
    int fd = file_of(text, strlen(text), path);
    int rc = chain_config_read(path, c, err);

    close(fd);
    return rc;
}

/* ---- the file ---- */

static void none_is_not_the_empty_chain(void **state)
{
    static const struct {
        const char *text;
        int is_none;
        size_t n_items;
    } rows[] = { { "chain: none\n", 1, 0 }, { "chain: []\n", 0, 0 }, { "chain: default\n", 0, 4 } };
    struct chain_config c, copy;
    struct proto_config head = { 0 };
    struct buf b = BUF_INIT(PROTO_CONFIG_MAX);
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(read_yaml(rows[i].text, &c, &err), 0);
        assert_int_equal(c.is_none, rows[i].is_none);
        assert_int_equal(c.n_items, rows[i].n_items);
        snprintf(head.version, sizeof head.version, "%s", TROMMEL_VERSION);
        buf_clear(&b);
        assert_int_equal(wire_config(&b, &head, &c), 0); /* it reaches the worker */
        assert_int_equal(wire_config_read(b.data + sizeof(struct proto_head), b.len - sizeof(struct proto_head), &head,
                                          &copy, &err),
                         0);
        assert_int_equal(copy.is_none, rows[i].is_none);
        chain_config_release(&c);
        chain_config_release(&copy);
        head = (struct proto_config){ 0 };
    }
    buf_release(&b);
    assert_int_equal(chain_config_named(&c, "none", &err), 0);
    assert_true(c.is_none);
    assert_int_equal(chain_config_named(&c, "layout,./x.so", &err), 0);
    assert_int_equal(c.n_items, 2);
    chain_config_release(&c);
    assert_int_equal(chain_config_named(&c, "layout,none", &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "stands alone"));
    assert_int_equal(chain_config_named(&c, "layout,,x", &err), ERR_USAGE);
}

static void a_chain_is_read_wrongly(void **state)
{
    struct chain_config c;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(
        read_yaml("job: {a: 1}\nchain:\n  - layout\n  - stage: boilerplate\n    set: {model: FILE, n: 3}\n"
                  "  - ./price.so\n  - /abs/x.so\n",
                  &c, &err),
        0);
    assert_int_equal(c.n_items, 4);
    assert_string_equal(c.items[0].ref, "layout");
    assert_string_equal(c.items[1].ref, "boilerplate");
    assert_string_equal(c.items[2].ref, "/proc/self/fd/./price.so");
    assert_string_equal(c.items[3].ref, "/abs/x.so");
    assert_int_equal(c.n_sets, 2);
    assert_string_equal(c.sets[0].option, "model");
    assert_string_equal(c.sets[0].value, "FILE");
    assert_string_equal(c.sets[0].dir, "/proc/self/fd");
    assert_int_equal(c.sets[1].item, 2);
    chain_config_release(&c);
}

static void no_chain_is_not_the_default(void **state)
{
    const char *const texts[] = { "", "# nothing\n\n", "job: 1\n", "---\n" };
    struct chain_config c;
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (read_yaml(texts[i], &c, &err))
            fail_msg("%zu: %s", i, err.text);
        assert_int_equal(c.n_items, 4);
        assert_string_equal(c.items[3].ref, "dedupe");
        chain_config_release(&c);
    }
    assert_int_equal(read_yaml("chain: []\n", &c, &err), 0);
    assert_int_equal(c.n_items, 0);
    chain_config_release(&c);
}

static void a_mistake_is_not_placed(void **state)
{
    static const struct {
        const char *text, *place, *part;
    } rows[] = {
        { "chain:\n  - layout\n  - stage: x\n    sett: {a: 1}\n", ":4:5:", "unknown key `sett`" },
        { "chain:\n  - layout\n  - stage: x\n    set: [a]\n", ":4:10:", "`set` must be a map" },
        { "chain:\n  - layout\n  - stage: x\n    set: {a: [1]}\n", ":4:14:", "option `a` of stage `x`" },
        { "chain:\n  - layout\n -  foo: [}\n", ":3:2:", "not valid YAML" },
        { "chain: layout\n", ":1:8:", "must be a list" },
        { "chain:\n  - set: {}\n", ":2:5:", "lacks the key `stage`" },
        { "hello", ":1:1:", "must be a map" },
        { "chain: [*x]\n", ":1:10:", "not valid YAML" },
        { "a: 1\na: 2\n", ":2:1:", "duplicate key" },
        { "chain:\n  - layout\n  -\n", "/proc/self/fd/", "entry 2" },
        { "chain:\n  - [a]\n", ":2:5:", "entry 1" },
        { "chain:\n", "/proc/self/fd/", "must be a list" },
    };
    struct chain_config c;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = { 0 };
        assert_int_equal(read_yaml(rows[i].text, &c, &err), ERR_USAGE);
        if (!strstr(err.text, rows[i].place) || !strstr(err.text, rows[i].part))
            fail_msg("%zu: %s", i, err.text);
        assert_null(c.items);
    }
}

static void a_file_that_is_none_is_read(void **state)
{
    struct chain_config c;
    struct err err = { 0 };
    char *big = malloc(LIMIT_CONFIG_BYTES + 2), path[64];
    int fd;

    (void)state;
    assert_int_equal(chain_config_read("/nonexistent/a.yaml", &c, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "/nonexistent/a.yaml"));
    assert_int_equal(chain_config_read("/", &c, &err), ERR_USAGE);
    memset(big, '#', LIMIT_CONFIG_BYTES + 1);
    fd = file_of(big, LIMIT_CONFIG_BYTES + 1, path);
    assert_int_equal(chain_config_read(path, &c, &err), ERR_USAGE);
    close(fd);
    big[LIMIT_CONFIG_BYTES + 1] = 0;
    free(big);
}

static void too_many_stages_are_taken(void **state)
{
    struct buf b = BUF_INIT(MIB);
    struct chain_config c;
    struct err err = { 0 };

    (void)state;
    buf_add_str(&b, "chain:\n");
    for (unsigned i = 0; i < LIMIT_STAGES + 1; i++)
        buf_printf(&b, "  - s%u\n", i);
    assert_int_equal(read_yaml(buf_cstr(&b), &c, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, ":66:5:"));
    buf_release(&b);
}

static void an_assignment_is_split_wrongly(void **state)
{
    const char *const wrong[] = { "", "=", "a", "a.b", "a=b", ".a=b", "a.=b", "a=b.c" };
    struct chain_config c = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(chain_config_set(&c, "org.example.x.opt=a.b=c", &err), 0);
    assert_string_equal(c.sets[0].stage, "org.example.x");
    assert_string_equal(c.sets[0].option, "opt");
    assert_string_equal(c.sets[0].value, "a.b=c");
    assert_int_equal(chain_config_set(&c, "a.b=", &err), 0);
    assert_string_equal(c.sets[1].value, "");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(chain_config_set(&c, wrong[i], &err), ERR_USAGE);
    chain_config_release(&c);
    chain_config_release(NULL);
}

static void a_missing_stage_is_found(void **state)
{
    char dir[] = "/tmp/trommel-test-XXXXXX", path[64];
    struct chain_config c;
    struct err err = { 0 };

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/here.so", dir);
    fclose(fopen(path, "w"));
    assert_int_equal(read_yaml("chain: [here]", &c, &err), 0);
    assert_int_equal(chain_config_find(&c, dir, &err), 0);
    assert_string_equal(c.items[0].path, path);
    chain_config_release(&c);
    assert_int_equal(read_yaml("chain: [there]", &c, &err), 0);
    assert_int_equal(chain_config_find(&c, dir, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "there.so"));
    assert_non_null(strstr(err.text, "(there: here)"));
    chain_config_release(&c);
    assert_int_equal(read_yaml("chain: [./nowhere.so]", &c, &err), 0);
    assert_int_equal(chain_config_find(&c, dir, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "nowhere.so: No such file"));
    chain_config_release(&c);
    unlink(path);
    rmdir(dir);
}

/* ---- options ---- */

static void an_option_is_parsed_wrongly(void **state)
{
    const trommel_opt b = { .key = "b", .type = TROMMEL_T_BOOL },
                      n = { .key = "n", .type = TROMMEL_T_I64, .min = -5, .max = 10 };
    const trommel_opt f = { .key = "f", .type = TROMMEL_T_F64, .min = 0, .max = 1 };
    const trommel_opt s = { .key = "s", .type = TROMMEL_T_STR, .choices = "one|two|three" };
    const trommel_opt bytes = { .key = "bytes", .type = TROMMEL_T_I64, .unit = "bytes" };
    trommel_val v;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(option_parse(&b, "Yes", &v, &err), 0);
    assert_int_equal(v.u.i, 1);
    assert_int_equal(option_parse(&b, "off", &v, &err), 0);
    assert_int_equal(v.u.i, 0);
    assert_int_equal(option_parse(&n, "-5", &v, &err), 0);
    assert_int_equal(v.u.i, -5);
    assert_int_equal(option_parse(&f, "0.25", &v, &err), 0);
    assert_true(v.u.d == 0.25);
    assert_int_equal(option_parse(&s, "two", &v, &err), 0);
    assert_int_equal(v.n, 3);
    assert_int_equal(option_parse(&bytes, "16MiB", &v, &err), 0);
    assert_int_equal(v.u.i, 16 << 20);
}

static void a_wrong_value_is_taken(void **state)
{
    static const struct {
        trommel_opt row;
        const char *text, *part;
    } rows[] = {
        { { .key = "b", .type = TROMMEL_T_BOOL }, "maybe", "neither true nor false" },
        { { .key = "b", .type = TROMMEL_T_BOOL }, "", "neither true nor false" },
        { { .key = "n", .type = TROMMEL_T_I64, .min = 1, .max = 10, .unit = "ms" }, "11", "from 1 to 10 ms" },
        { { .key = "n", .type = TROMMEL_T_I64 }, "1.5", "no whole number" },
        { { .key = "n", .type = TROMMEL_T_I64 }, " 1", "no whole number" },
        { { .key = "n", .type = TROMMEL_T_I64 }, "9223372036854775808", "no whole number" },
        { { .key = "n", .type = TROMMEL_T_I64, .unit = "bytes" },
          "9223372036854775807KiB",
          "no whole number" },
        { { .key = "n", .type = TROMMEL_T_I64, .unit = "ms" }, "1KiB", "no whole number" },
        { { .key = "f", .type = TROMMEL_T_F64 }, "nan", "no number" },
        { { .key = "f", .type = TROMMEL_T_F64 }, "inf", "no number" },
        { { .key = "f", .type = TROMMEL_T_F64 }, "1x", "no number" },
        { { .key = "f", .type = TROMMEL_T_F64, .min = 0.5, .max = 1 }, "0.4", "from 0.5 to 1" },
        { { .key = "s", .type = TROMMEL_T_STR, .choices = "one|two" }, "on", "one|two" },
        { { .key = "s", .type = TROMMEL_T_STR, .choices = "one|two" }, "one|two", "one|two" },
        { { .key = "s", .type = TROMMEL_T_STR, .flags = TROMMEL_OPT_REQUIRED }, "", "required" },
        { { .key = "x", .type = TROMMEL_T_NODES }, "1", "type 7" },
    };
    trommel_val v;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = { 0 };
        if (!option_parse(&rows[i].row, rows[i].text, &v, &err) || !strstr(err.text, rows[i].part))
            fail_msg("%zu: %s", i, err.text);
        assert_non_null(strstr(err.text, rows[i].row.key));
    }
}

/* ---- notes ---- */

struct elf {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[2];
    struct trommel_note other; /* "GNU": not ours */
    struct trommel_note note;
};

static struct elf elf_good(void)
{
    struct elf e = { 0 };

    memcpy(e.eh.e_ident, ELFMAG, SELFMAG);
    e.eh.e_ident[EI_CLASS] = ELFCLASS64;
    e.eh.e_ident[EI_DATA] = ELFDATA2LSB;
    e.eh.e_type = ET_DYN;
#if defined(__aarch64__)
    e.eh.e_machine = EM_AARCH64;
#else
    e.eh.e_machine = EM_X86_64;
#endif
    e.eh.e_phoff = offsetof(struct elf, ph);
    e.eh.e_phentsize = sizeof(Elf64_Phdr);
    e.eh.e_phnum = 2;
    e.ph[0].p_type = PT_LOAD;
    e.ph[1] = (Elf64_Phdr){ .p_type = PT_NOTE,
                            .p_offset = offsetof(struct elf, other),
                            .p_align = 4,
                            .p_filesz = sizeof e.other + sizeof e.note };
    e.other = (struct trommel_note){ 4, 16, 3, { 'G', 'N', 'U', 0 }, 1, 2, 3, 4 };
    e.note = (struct trommel_note){
        4, 16, TROMMEL_NOTE_STAGE, { 'T', 'R', 'M', 0 }, TROMMEL_ABI_MAJOR, TROMMEL_ABI_MINOR, 0, 64
    };
    return e;
}

static int judge(const void *p, size_t n, uint32_t type, struct err *err)
{
    struct trommel_note note;
    char path[64];
    int fd = file_of(p, n, path), rc = note_judge(path, type, &note, err);

    close(fd);
    return rc;
}

static void a_good_note_is_refused(void **state)
{
    struct elf e = elf_good();
    struct err err = { 0 };

    (void)state;
    assert_int_equal(judge(&e, sizeof e, TROMMEL_NOTE_STAGE, &err), 0);
    e.note.type = TROMMEL_NOTE_SINK;
    assert_int_equal(judge(&e, sizeof e, TROMMEL_NOTE_SINK, &err), 0);
}

static void a_file_cut_anywhere_is_taken(void **state)
{
    struct elf e = elf_good();

    (void)state;
    for (size_t n = 0; n < sizeof e; n++) {
        struct err err = { 0 };
        assert_int_equal(judge(&e, n, TROMMEL_NOTE_STAGE, &err), ERR_REFUSED);
        assert_non_null(strstr(err.text, "/proc/self/fd/"));
    }
}

#define EXPECT(change, ...)                                                                                  \
    do {                                                                                                     \
        struct elf e = elf_good();                                                                           \
        struct err err = { 0 };                                                                              \
        const char *parts[] = { __VA_ARGS__ };                                                               \
        change;                                                                                              \
        assert_int_equal(judge(&e, sizeof e, TROMMEL_NOTE_STAGE, &err), ERR_REFUSED);                        \
        for (size_t part_ = 0; part_ < sizeof parts / sizeof parts[0]; part_++)                              \
            if (!strstr(err.text, parts[part_]))                                                             \
                fail_msg("%s: %s", #change, err.text);                                                       \
    } while (0)

static void a_wrong_field_is_not_named(void **state)
{
    (void)state;
    EXPECT(e.eh.e_ident[0] = 'M', "ELF magic", "cc -shared");
    EXPECT(e.eh.e_ident[EI_CLASS] = ELFCLASS32, "ELF class", "32-bit", "64-bit");
    EXPECT(e.eh.e_ident[EI_DATA] = ELFDATA2MSB, "byte order", "2", "1");
    EXPECT(e.eh.e_machine = EM_386, "ELF machine", "i386");
    EXPECT(e.eh.e_machine = 9999, "ELF machine 9999");
    EXPECT(e.eh.e_type = ET_EXEC, "ELF type is 2", "3");
    EXPECT(e.eh.e_phentsize = 8, "program headers of 8 bytes");
    EXPECT(e.eh.e_phnum = 0xffff, "65535 ELF program headers");
    EXPECT(e.eh.e_phoff = UINT64_MAX - 3, "cut off");
    EXPECT(e.ph[1].p_offset = UINT64_MAX - 8, "cut off");
    EXPECT(e.ph[1].p_filesz = UINT64_MAX, "no Trommel stage");
    EXPECT(e.ph[1].p_type = PT_LOAD, "no Trommel stage", "TROMMEL_STAGE");
    EXPECT(e.note.name[0] = 'X', "no Trommel stage");
    EXPECT(e.note.descsz = 12, "no Trommel stage");
    EXPECT(e.other.namesz = 0xfffffff0, "no Trommel stage");
    EXPECT(e.other.descsz = 0xfffffff0, "no Trommel stage");
    EXPECT(e.note.descsz = 0x7fffffff, "no Trommel stage");
    EXPECT(e.note.type = TROMMEL_NOTE_SINK, "is a sink (note type 2)", "a stage (note type 1)");
    EXPECT(e.note.type = 77, "note type 77");
    EXPECT(e.note.major = 2, "abi_major is 2", "is 1", "headers");
    EXPECT(e.note.min_host_minor = 9, "min_host_minor is 9", "abi_minor is 0", "update");
    EXPECT(e.note.ptr_bits = 32, "ptr_bits is 32", "64");
}

static void a_place_that_is_no_file_is_judged(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_int_equal(note_judge("/nonexistent.so", TROMMEL_NOTE_STAGE, NULL, &err), ERR_ABSENT);
    assert_non_null(strstr(err.text, "/nonexistent.so"));
    assert_int_equal(note_judge("/", TROMMEL_NOTE_STAGE, NULL, &err), ERR_REFUSED);
    assert_int_equal(note_judge("/dev/zero", TROMMEL_NOTE_STAGE, NULL, &err), ERR_REFUSED);
}

/* Random changes never make it crash or read outside (run under ASan). */
static void random_bytes_break_the_judge(void **state)
{
    uint64_t seed = 99;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        struct elf e = elf_good();
        struct err err = { 0 };
        for (int k = 0; k < 4; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            ((unsigned char *)&e)[(seed >> 33) % sizeof e] = (unsigned char)(seed >> 56);
        }
        judge(&e, sizeof e, TROMMEL_NOTE_STAGE, &err);
    }
}

/* ---- the configuration on its way to a worker ---- */

static void a_configuration_changes_on_its_way(void **state)
{
    struct proto_config head = { .page_ms = 5, .worker_bytes = 7, .version = TROMMEL_VERSION }, got;
    struct buf b = BUF_INIT(MIB);
    struct chain_config c, back;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(read_yaml("chain:\n  - stage: a\n    set: {k: v}\n  - b\n", &c, &err), 0);
    assert_int_equal(chain_config_set(&c, "b.x=y", &err), 0);
    c.sets[1].soft = 1;
    assert_int_equal(wire_config(&b, &head, &c), 0);
    const unsigned char *p = b.data + sizeof(struct proto_head);
    size_t n = b.len - sizeof(struct proto_head);
    assert_int_equal(wire_config_read(p, n, &got, &back, &err), 0);
    assert_int_equal(got.page_ms, 5);
    assert_string_equal(back.items[1].ref, "b");
    assert_string_equal(back.sets[0].value, "v");
    assert_int_equal(back.sets[0].item, 1);
    assert_string_equal(back.sets[1].stage, "b");
    assert_null(back.sets[1].dir);
    assert_int_equal(back.sets[0].soft, 0);
    assert_int_equal(back.sets[1].soft, 1);
    chain_config_release(&back);
    for (size_t cut = 0; cut < n; cut++)
        assert_true(wire_config_read(p, cut, &got, &back, &err) < 0);
    strcpy(head.version, "9.9");
    buf_clear(&b);
    assert_int_equal(wire_config(&b, &head, &c), 0);
    assert_int_equal(wire_config_read(b.data + sizeof(struct proto_head), n, &got, &back, &err), ERR_REFUSED);
    assert_non_null(strstr(err.text, "9.9"));
    buf_release(&b);
    chain_config_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_not_the_empty_chain),
        cmocka_unit_test(a_chain_is_read_wrongly),
        cmocka_unit_test(no_chain_is_not_the_default),
        cmocka_unit_test(a_mistake_is_not_placed),
        cmocka_unit_test(a_file_that_is_none_is_read),
        cmocka_unit_test(too_many_stages_are_taken),
        cmocka_unit_test(an_assignment_is_split_wrongly),
        cmocka_unit_test(a_missing_stage_is_found),
        cmocka_unit_test(an_option_is_parsed_wrongly),
        cmocka_unit_test(a_wrong_value_is_taken),
        cmocka_unit_test(a_good_note_is_refused),
        cmocka_unit_test(a_file_cut_anywhere_is_taken),
        cmocka_unit_test(a_wrong_field_is_not_named),
        cmocka_unit_test(a_place_that_is_no_file_is_judged),
        cmocka_unit_test(random_bytes_break_the_judge),
        cmocka_unit_test(a_configuration_changes_on_its_way),
    };

    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
