/* check_guard: memory that ends at an unreadable page, and what a crash was about; see check_inner.h.
 *
 * Whatever a stage is given to read lies so that the byte behind its last one cannot be read and none can be
 * written. The handler of a fatal signal compares the address with those places, writes what it found onto
 * the board and lets the signal kill the process. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "chain/check_inner.h"

enum { GUARDS_MAX = 4096, ALT_STACK_BYTES = 64 * 1024, STACK_NEAR = 4 << 20 };

static const char *const guard_names[] = {
    [GUARD_NODES] = "the page's nodes",  [GUARD_ATTRS] = "the page's attributes",
    [GUARD_STRS] = "the page's strings", [GUARD_BODY] = "the page's text",
    [GUARD_URL] = "a URL of the page",   [GUARD_VALUE] = "a value it got",
};

struct guard {
    unsigned char *from, *end; /* all of the mapping; the last page is the unreadable one */
    enum guard_what what;
};
static struct guard guards[GUARDS_MAX]; /* one a process: the handler needs them */
static volatile size_t n_guards;
static struct check_board *board;
static size_t page_bytes;

const void *guard_copy(const struct check *k, const void *p, size_t n, enum guard_what what)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (n + page - 1) / page * page + page;
    unsigned char *at;

    if (n_guards == GUARDS_MAX)
        check_fail(k, "more than %d pieces of guarded memory", GUARDS_MAX);
    at = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        check_fail(k, "no memory for a page");
    if (n)
        memcpy(at + whole - page - n, p, n);
    if (mprotect(at, whole - page, PROT_READ) || mprotect(at + whole - page, page, PROT_NONE))
        check_fail(k, "memory cannot be guarded");
    page_bytes = page;
    guards[n_guards] = (struct guard){ at, at + whole, what };
    n_guards++;
    return at + whole - page - n;
}

size_t guard_mark(void)
{
    return n_guards;
}

void guard_release(size_t mark)
{
    while (n_guards > mark) {
        struct guard *g = &guards[--n_guards];
        munmap(g->from, (size_t)(g->end - g->from));
    }
}

/* ---- crashes ---- */

static void board_write(const char *a, const char *b)
{
    size_t n = 0;

    for (const char *p = a; *p && n + 1 < sizeof board->crash; p++)
        board->crash[n++] = *p;
    for (const char *p = b; *p && n + 1 < sizeof board->crash; p++)
        board->crash[n++] = *p;
    board->crash[n] = 0;
}

static uintptr_t stack_pointer(const ucontext_t *uc)
{
#if defined(__x86_64__)
    return (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (uintptr_t)uc->uc_mcontext.sp;
#else
    (void)uc;
    return 0;
#endif
}

static void look_at(const unsigned char *addr, const ucontext_t *uc)
{
    uintptr_t at = (uintptr_t)addr, sp = stack_pointer(uc);

    for (size_t i = n_guards; i-- > 0;) {
        const struct guard *g = &guards[i];
        if (addr < g->from || addr >= g->end)
            continue;
        if (addr >= g->end - page_bytes)
            board_write("it read past the end of ", guard_names[g->what]);
        else
            board_write("it wrote to ", guard_names[g->what]);
        return;
    }
    if (at < 65536)
        board_write("it used a NULL pointer", "");
    else if (sp && (at > sp ? at - sp : sp - at) < STACK_NEAR)
        board_write("its stack of 8 MiB was used up", "");
}

static void on_crash(int signal, siginfo_t *info, void *context)
{
    if ((signal == SIGSEGV || signal == SIGBUS) && info->si_code > 0)
        look_at(info->si_addr, context);
    crash_write(signal, info, context);
}

void guard_catch(struct check_board *b)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
    /* The signal comes again when the handler returns, and then it kills. */
    struct sigaction act = { .sa_sigaction = on_crash,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND };
    stack_t alt;

    board = b;
    if (!sigaltstack(NULL, &alt) && (alt.ss_flags & SS_DISABLE)) { /* a build without crash reports */
        alt = (stack_t){ .ss_sp = malloc(ALT_STACK_BYTES), .ss_size = ALT_STACK_BYTES };
        if (!alt.ss_sp || sigaltstack(&alt, NULL))
            return;
    }
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &act, NULL);
}
