/* crash: the worker's side; see crash.h. */
#include "chain/crash.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/err.h"
#include "chain/store.h" /* STAGE_HASH_BYTES */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

enum {
    HASH_DIGITS = STAGE_HASH_BYTES - 1,
    STACK_BYTES = 256 * 1024,
    GUARD_BYTES = 4096,
    OWN_FRAMES = 8 /* of the handler, at the most */
};

static struct crash_report *report;
static volatile sig_atomic_t first; /* the signal that is being reported */

/* ---- where it was ---- */

struct place {
    void *pc;
    void *const *caller; /* where the address to which a called function returns lies; NULL: not known */
};

static struct place place_of(const void *context)
{
    const ucontext_t *u = context;
    struct place p = { 0 };

#if defined(__x86_64__)
    p.pc = (void *)u->uc_mcontext.gregs[REG_RIP];
    p.caller = (void *const *)u->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    p.pc = (void *)u->uc_mcontext.pc;
    p.caller = (void *const *)&u->uc_mcontext.regs[30];
#else
    (void)u;
#endif
    return p;
}

static void text_copy(char *to, size_t room, const char *from)
{
    size_t n = 0;

    for (; n + 1 < room && from[n]; n++)
        to[n] = from[n];
    to[n] = 0;
}

/* Of "price-<hash>.so": the length of "price"; of anything else all of it. */
static size_t stem_length(const char *name, size_t n)
{
    static const char end[] = ".so";
    size_t tail = 1 + HASH_DIGITS + sizeof end - 1;

    if (n <= tail || name[n - tail] != '-' || strcmp(name + n - (sizeof end - 1), end) != 0)
        return n;
    for (size_t i = n - tail + 1; i < n - (sizeof end - 1); i++)
        if (!(name[i] >= '0' && name[i] <= '9') && !(name[i] >= 'a' && name[i] <= 'f'))
            return n;
    return n - tail;
}

void crash_module(char to[CRASH_MODULE_BYTES], const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name), stem = stem_length(name, n), room = CRASH_MODULE_BYTES - 1;

    if (stem == n) {
        text_copy(to, CRASH_MODULE_BYTES, name);
        return;
    }
    stem = stem < room - 3 ? stem : room - 3;
    memcpy(to, name, stem);
    memcpy(to + stem, ".so", 4);
}

/* Counted when it is whole: naming may fault. */
static void frame_add(void *pc)
{
    struct crash_frame *f = &report->frames[report->n_frames];
    Dl_info info = { 0 };

    if (report->n_frames >= CRASH_FRAMES)
        return;
    f->offset = (uintptr_t)pc;
    f->module[0] = f->symbol[0] = 0;
    if (dladdr(pc, &info) && info.dli_fname) {
        crash_module(f->module, info.dli_fname);
        f->offset = (uintptr_t)pc - (uintptr_t)info.dli_fbase;
    }
    if (info.dli_sname) {
        text_copy(f->symbol, sizeof f->symbol, info.dli_sname);
        f->symbol_offset = (uintptr_t)pc - (uintptr_t)info.dli_saddr;
    }
    __atomic_store_n(&report->n_frames, report->n_frames + 1, __ATOMIC_RELEASE);
}

void crash_write(int signal, const siginfo_t *info, const void *context)
{
    int error = errno;
    void *calls[CRASH_FRAMES + OWN_FRAMES];
    struct place p = place_of(context);
    Dl_info in;
    int n, at = 0;

    if (!report)
        return;
    report->n_frames = 0;
    report->error = error;
    report->code = info->si_code;
    report->address = (uintptr_t)info->si_addr;
    __atomic_store_n(&report->signal, (uint32_t)signal, __ATOMIC_RELEASE);
    n = backtrace(calls, CRASH_FRAMES + OWN_FRAMES);
    while (at < n && calls[at] != p.pc) /* the handler's own */
        at++;
    if (at < n - 1) {
        while (at < n)
            frame_add(calls[at++]);
        return;
    }
    frame_add(p.pc); /* a call of what is no code: only the caller is known */
    if (p.caller && !dladdr(p.pc, &in))
        frame_add(*p.caller);
}

/* ---- the handlers ---- */

static void end_with(int signal)
{
    struct sigaction dfl = { .sa_handler = SIG_DFL };
    sigset_t set;

    sigaction(signal, &dfl, NULL);
    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(signal); /* where that is not allowed, returning brings the fault again */
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    if (!first) {
        first = signal;
        crash_write(signal, info, context);
    }
    end_with(first);
}

static int stack_make(void)
{
    char *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    stack_t alt = { .ss_sp = stack + GUARD_BYTES, .ss_size = STACK_BYTES - GUARD_BYTES };

    if (stack == MAP_FAILED || mprotect(stack, GUARD_BYTES, PROT_NONE))
        return ERR_NOMEM;
    return sigaltstack(&alt, NULL) ? ERR_FAIL : 0;
}

int crash_install(struct crash_report *where)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
    struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
    void *calls[2];
    int rc = SANITIZED ? 0 : stack_make();

    if (rc || SANITIZED)
        return rc;
    backtrace(calls, 2); /* the first call loads the unwinder */
    report = where;
    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (sigaction(signals[i], &act, NULL))
            return ERR_FAIL;
    return 0;
}
