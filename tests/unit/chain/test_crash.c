/* What a crash leaves behind: reports of processes that really crash, reports that are nonsense, and the
 * names of functions in files that are whole and that are not. */
#include <dlfcn.h>
#include <elf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "chain/crash.h"
#include "chain/symbol.h"
#include "tests/unit/chain/built.h"
#include "tests/unit/effort.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1 /* it has handlers of its own */
#else
#define SANITIZED 0
#endif
#if __has_attribute(noclone) /* gcc's; a clone has another name */
#define NAMED __attribute__((noinline, noclone)) static
#else
#define NAMED __attribute__((noinline)) static
#endif

/* ---- processes that crash ---- */

static char own_path[4096];
static volatile int sink;

NAMED void write_nowhere(void)
{
    volatile int *volatile nowhere = NULL;

    *nowhere = 1;
    sink = 1;
}

NAMED void give_up(void)
{
    abort();
}

NAMED int fall_deeper(volatile char *above)
{
    volatile char here[512];

    here[0] = *above;
    here[511] = here[0];
    return here[511] ? fall_deeper(here) + here[511] : 0; /* it is never 0 */
}

NAMED void fall(void)
{
    volatile char top = 1;

    sink = fall_deeper(&top);
}

NAMED void jump_nowhere(void)
{
    void (*volatile nothing)(void) = NULL;

    nothing();
    sink = 2;
}

/* Runs fn in a child; returns the signal it died of.  is_hidden: the report cannot be written. */
static int crash_in(void (*fn)(void), unsigned char *memory, int is_hidden)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        if (crash_install((struct crash_report *)(memory + PROTO_CRASH_AT)) ||
            (is_hidden && mprotect(memory, PROTO_CRUMB_BYTES, PROT_READ)))
            _exit(1);
        fn();
        _exit(2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static unsigned char *memory_new(void)
{
    void *p = mmap(NULL, PROTO_CRUMB_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(p, MAP_FAILED);
    return p;
}

static void expect_trace(void (*fn)(void), int signal, unsigned at, const char *name)
{
    unsigned char *memory = memory_new();
    const char *const paths[] = { own_path };
    struct crash_trace t;

    assert_int_equal(crash_in(fn, memory, 0), signal);
    crash_read(memory + PROTO_CRASH_AT, signal, paths, 1, 1, &t);
    assert_true(t.n > at && t.n <= CRASH_FRAMES);
    if (t.at != at || !strstr(t.lines[t.at], name))
        fail_msg("%s is not frame %u: frame %u is %s, of %u", name, at, t.at, t.lines[t.at], t.n);
    crash_read(memory + PROTO_CRASH_AT, signal == SIGBUS ? SIGSEGV : SIGBUS, paths, 1, 1, &t);
    assert_int_equal(t.n, 0); /* it did not die of this */
    munmap(memory, PROTO_CRUMB_BYTES);
}

static void a_crash_is_not_named(void **state)
{
    if (SANITIZED)
        skip();
    expect_trace(write_nowhere, SIGSEGV, 0, "!write_nowhere+0x");
    expect_trace(fall, SIGSEGV, 0, "!fall_deeper+0x");
    expect_trace(jump_nowhere, SIGSEGV, 1, "!jump_nowhere+0x");
}

/* The C library's frames come first. */
static void an_abort_is_not_named(void **state)
{
    unsigned char *memory = memory_new();
    const char *const paths[] = { own_path };
    struct crash_trace t;

    if (SANITIZED)
        skip();
    assert_int_equal(crash_in(give_up, memory, 0), SIGABRT);
    crash_read(memory + PROTO_CRASH_AT, SIGABRT, paths, 1, 1, &t);
    assert_true(t.at > 0 && t.at < t.n);
    assert_non_null(strstr(t.lines[t.at], "!give_up+0x"));
    assert_non_null(strstr(t.lines[0], "libc.so"));
    munmap(memory, PROTO_CRUMB_BYTES);
}

/* The handler itself faults: the first signal must be what ends the process. */
static void a_second_fault_hides_the_first(void **state)
{
    unsigned char *memory = memory_new();

    if (SANITIZED)
        skip();
    assert_int_equal(crash_in(give_up, memory, 1), SIGABRT);
    assert_int_equal(crash_in(write_nowhere, memory, 1), SIGSEGV);
    munmap(memory, PROTO_CRUMB_BYTES);
}

/* ---- reports that are nonsense ---- */

static void check_trace(const struct crash_trace *t)
{
    assert_true(t->n <= CRASH_FRAMES);
    assert_true(t->at <= t->n);
    for (unsigned i = 0; i < t->n; i++) {
        size_t n = strnlen(t->lines[i], CRASH_LINE_BYTES);
        assert_true(n > 0 && n < CRASH_LINE_BYTES);
        for (size_t k = 0; k < n; k++)
            assert_in_range(t->lines[i][k], 0x21, 0x7e);
    }
}

static void a_hostile_report_does_harm(void **state)
{
    const char *const paths[] = { own_path, "/nowhere/price.so", "" };
    struct crash_report *r = malloc(sizeof *r); /* of its own, so that a byte too far is seen */
    unsigned char *bytes = (unsigned char *)r;
    struct crash_trace t;

    assert_non_null(r);
    srand(4711);
    for (unsigned round = effort(2000); round; round--) {
        for (size_t i = 0; i < sizeof *r; i++)
            bytes[i] = (unsigned char)rand();
        r->signal = SIGSEGV;
        crash_read(r, SIGSEGV, paths, 3, 2, &t);
        check_trace(&t);
        assert_true(t.n == CRASH_FRAMES || t.n == r->n_frames);
    }
    memset(r, 'x', sizeof *r); /* not one string ends */
    r->signal = SIGSEGV;
    crash_read(r, SIGSEGV, paths, 3, 2, &t);
    assert_int_equal(t.n, CRASH_FRAMES);
    assert_int_equal(t.at, CRASH_FRAMES); /* in no file that is known */
    check_trace(&t);
    crash_read(r, 0, paths, 3, 2, &t);
    assert_int_equal(t.n, 0);
    memset(r, 0, sizeof *r); /* none was written */
    crash_read(r, SIGSEGV, paths, 3, 2, &t);
    assert_int_equal(t.n, 0);
    crash_read(r, 0, paths, 3, 2, &t); /* and the process did not die of a signal */
    assert_int_equal(t.n, 0);
    free(r);
}

static void a_copy_has_another_name(void **state)
{
#define HASH "0123456789abcdef0123456789abcdef"
    static const struct {
        const char *path, *name;
    } rows[] = { { "/job/stages/price-" HASH ".so", "price.so" },
                 { "price.so", "price.so" },
                 { "./a/price-2.so", "price-2.so" },
                 { "/a/price-" HASH "0.so", "price-" HASH "0.so" },
                 { "/a/-" HASH ".so", "-" HASH ".so" },
                 { "/a/price-" HASH ".sO", "price-" HASH ".sO" },
                 { "/a/org.example.a.very.long.name.of.a.stage.that.we.bought-" HASH ".so",
                   "org.example.a.very.long.name.of.a.stage.that.so" },
                 { "/a/org.example.a.very.long.name.of.a.stage.that.we.bought.so",
                   "org.example.a.very.long.name.of.a.stage.that.we" },
                 { "", "" } };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[CRASH_MODULE_BYTES];
        crash_module(name, rows[i].path);
        assert_string_equal(name, rows[i].name);
    }
}

/* ---- symbols ---- */

static struct symbol symbol_of(const void *fn, size_t more, char path[4096])
{
    Dl_info info;

    assert_true(dladdr(fn, &info));
    assert_non_null(realpath(info.dli_fname, path));
    return (struct symbol){ .at = (uintptr_t)fn + more - (uintptr_t)info.dli_fbase };
}

static void a_function_has_another_name(void **state)
{
    char path[4096];
    struct symbol some[3] = { symbol_of((const void *)(uintptr_t)write_nowhere, 3, path),
                              symbol_of((const void *)(uintptr_t)give_up, 0, path),
                              { .at = UINT64_MAX - 5 } };

    assert_int_equal(symbols_find(own_path, some, 3), 2);
    assert_string_equal(some[0].name, "write_nowhere");
    assert_int_equal(some[0].offset, 3);
    assert_string_equal(some[1].name, "give_up");
    assert_int_equal(some[1].offset, 0);
    assert_string_equal(some[2].name, "");
    /* Debian's has no .symtab: what it exports is named all the same */
    some[0] = symbol_of((const void *)(uintptr_t)l64a, 1, path);
    assert_int_equal(symbols_find(path, some, 1), 1);
    assert_string_equal(some[0].name, "l64a");
}

static void write_file(const char *path, const unsigned char *p, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static unsigned char *read_file(const char *path, size_t *ret_n)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    unsigned char *p;

    assert_true(f && !fstat(fileno(f), &st));
    *ret_n = (size_t)st.st_size;
    p = malloc(*ret_n);
    assert_true(p && fread(p, 1, *ret_n, f) == *ret_n);
    fclose(f);
    return p;
}

/* Whatever it names, it ends and stays in its bounds (which the sanitizers watch). */
static void check_find(const char *path)
{
    struct symbol some[2] = { { .at = 0x1200 }, { .at = UINT64_MAX } };

    assert_true(symbols_find(path, some, 2) <= 2);
    for (int i = 0; i < 2; i++)
        assert_true(strnlen(some[i].name, SYMBOL_NAME_BYTES) < SYMBOL_NAME_BYTES);
}

/* Every byte of its head and of its section headers, changed; and the file cut off in two hundred places. */
static void a_damaged_file_does_harm(void **state)
{
    static const unsigned char bad[] = { 0x00, 0x7f, 0xff };
    char *so = built("test/plugin/crasher.so"), path[] = "/tmp/trommel-crash-XXXXXX";
    int fd = mkstemp(path);
    size_t n;
    unsigned char *p = read_file(so, &n);
    Elf64_Ehdr eh;

    assert_true(fd >= 0);
    write_file(path, p, n);
    memcpy(&eh, p, sizeof eh);
    assert_true(eh.e_shoff > sizeof eh && eh.e_shoff < n);
    for (size_t at = 0; at < n; at = at == sizeof eh ? (size_t)eh.e_shoff : at + 1) {
        for (int i = 0; i < 3 && (effort(20) == 20 || at % 16 == 0); i++) {
            assert_int_equal(pwrite(fd, &bad[i], 1, (off_t)at), 1);
            check_find(path);
        }
        assert_int_equal(pwrite(fd, &p[at], 1, (off_t)at), 1);
    }
    for (size_t cut = 0; cut < n; cut += n / 200 + 1) {
        assert_int_equal(ftruncate(fd, (off_t)(n - cut)), 0);
        check_find(path);
    }
    close(fd);
    unlink(path);
    free(p);
    free(so);
}

static void what_is_no_file_is_read(void **state)
{
    struct symbol one = { .at = 1 };
    char path[64];

    assert_int_equal(symbols_find("/nowhere/at/all.so", &one, 1), ERR_ABSENT);
    assert_int_equal(symbols_find("/", &one, 1), ERR_REFUSED);
    snprintf(path, sizeof path, "/tmp/trommel-fifo-%d", getpid());
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(symbols_find(path, &one, 1), ERR_REFUSED); /* and does not wait */
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_is_not_named),           cmocka_unit_test(an_abort_is_not_named),
        cmocka_unit_test(a_second_fault_hides_the_first), cmocka_unit_test(a_hostile_report_does_harm),
        cmocka_unit_test(a_copy_has_another_name),        cmocka_unit_test(a_function_has_another_name),
        cmocka_unit_test(a_damaged_file_does_harm),       cmocka_unit_test(what_is_no_file_is_read),
    };

    if (readlink("/proc/self/exe", own_path, sizeof own_path - 1) <= 0)
        return 1;
    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
