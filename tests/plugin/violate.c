/* violate: tries what a stage may not, when its option `when` says so; a copy that is called ctor-WHAT.so
 * tries it from its constructor.  What is let pass is told: configure fails, a page is an error.  For tests
 * only. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <trommel/stage.h>
#include <unistd.h>

#define COOKIE  0x74726f6d6d656c31ul /* of the sandbox: any stage can know it */
#define OUTSIDE "/etc/passwd"

static const trommel_host *host;
static trommel_val what, when, file;
static const trommel_opt opts[] = {
    { .key = "what", .type = TROMMEL_T_STR, .dflt = "nothing", .help = "What is tried." },
    { .key = "when",
      .type = TROMMEL_T_STR,
      .dflt = "never",
      .choices = "never|configure|process",
      .help = "From where." },
    { .key = "file", .type = TROMMEL_T_STR, .flags = TROMMEL_OPT_PATH, .help = "A file of its own." },
};
static const char *const reasons[] = { "was_let" };

/* ---- what is tried: they return what came of it, if they return ---- */

static const char *own_path(void)
{
    Dl_info info = { 0 };

    dladdr((void *)(uintptr_t)own_path, &info);
    return info.dli_fname ? info.dli_fname : "";
}

static long try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static long try_write(void)
{
    char path[4096];

    snprintf(path, sizeof path, "%s.written", own_path());
    return open(path, O_WRONLY | O_CREAT, 0600);
}

static long try_cookie_write(void)
{
    char path[4096];

    snprintf(path, sizeof path, "%s.written", own_path());
    return syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0600, 0, COOKIE);
}

static long try_mkdir(void)
{
    char path[4096];

    snprintf(path, sizeof path, "%s.made", own_path());
    return mkdir(path, 0700);
}

static long try_unlink(void)
{
    return unlink(own_path());
}

static long try_read(void)
{
    return open(OUTSIDE, O_RDONLY);
}

/* As the sandbox itself opens: only Landlock is left to refuse it. */
static long try_cookie_read(void)
{
    return syscall(SYS_openat, AT_FDCWD, OUTSIDE, O_RDONLY, 0, 0, COOKIE);
}

static long try_exec(void)
{
    return execl("/bin/true", "true", (char *)NULL);
}

static long try_fork(void)
{
    return fork();
}

static void *thread(void *arg)
{
    return arg;
}

static long try_thread(void)
{
    pthread_t t;

    return pthread_create(&t, NULL, thread, NULL);
}

static long try_ptrace(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long try_peek(void)
{
    char byte;
    struct iovec here = { &byte, 1 }, there = { &errno, 1 };

    return process_vm_readv(getppid(), &here, 1, &there, 1, 0);
}

static long try_maps(void)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/maps", getppid());
    return open(path, O_RDONLY);
}

static long try_signal(void)
{
    return kill(getppid(), SIGUSR1);
}

/* The kernel would send it when the descriptor is ready. */
static long try_setown(void)
{
    return fcntl(0, F_SETOWN, getppid());
}

static long try_limit(void)
{
    struct rlimit r = { 0, 0 };

    return prlimit(getppid(), RLIMIT_NOFILE, &r, NULL);
}

static long try_memory(void)
{
    volatile char *p;

    while ((p = malloc(1 << 20)))
        for (int i = 0; i < 1 << 20; i += 4096)
            p[i] = 1;
    *p = 1; /* as they do who never look */
    return 0;
}

static long try_huge(void)
{
    volatile char *p = malloc((size_t)1 << 40);

    *p = 1;
    return 0;
}

static void ignore(int sig)
{
    (void)sig;
}

static long try_handler(void)
{
    signal(SIGSYS, ignore);
    return try_socket();
}

static long try_handler_high_bits(void)
{
    struct sigaction act = { .sa_handler = ignore };

    syscall(SYS_rt_sigaction, SIGSYS | 1ul << 40, &act, NULL, 8);
    return try_socket();
}

static long try_blocked(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    return try_socket();
}

static long try_cookie_blocked(void)
{
    uint64_t all = ~0ull;

    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 8, 0, COOKIE);
    return try_socket();
}

/* A mask is set and given back as ever, but for SIGSYS. */
static long try_mask(void)
{
    sigset_t some, was, now;

    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    sigaddset(&some, SIGSYS);
    if (sigprocmask(SIG_BLOCK, &some, &was) || sigprocmask(SIG_SETMASK, NULL, &now) ||
        sigismember(&was, SIGUSR2) || !sigismember(&now, SIGUSR2) || sigismember(&now, SIGSYS))
        return -1;
    raise(SIGUSR2); /* deadly, were it not blocked */
    if (signal(SIGUSR2, SIG_IGN) == SIG_ERR || sigprocmask(SIG_SETMASK, &was, NULL) ||
        sigprocmask(SIG_SETMASK, NULL, &now))
        return -1;
    return sigismember(&now, SIGUSR2) ? -1 : 0;
}

static long try_system(void)
{
    return system("true");
}

static long try_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? -1 : 0;
}

static long try_late_code(void)
{
    static char page[8192] __attribute__((aligned(4096)));

    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static long try_stat(void)
{
    struct stat st;

    return stat(OUTSIDE, &st);
}

static long try_absent(void)
{
    return open("/nowhere/at/all", O_RDONLY) < 0 && errno == ENOENT ? 0 : -1;
}

/* A path that cannot be read must not hurt the one who names it. */
static long try_wild_path(void)
{
    return open((const char *)8, O_WRONLY | O_CREAT, 0600);
}

static long try_32_bit(void)
{
#if defined(__x86_64__)
    long rc = 20; /* getpid of i386 */

    __asm__ volatile("int $0x80" : "+a"(rc) : : "memory");
    return rc;
#else
    return syscall(100000);
#endif
}

static long try_own(void)
{
    char path[4096], byte;
    int fd;

    snprintf(path, sizeof path, "%.*s", (int)file.n, (const char *)file.u.p);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &byte, 1) == 1 && !close(fd) ? 0 : -1;
}

/* As many at a time as there may be. */
static long try_files(void)
{
    int n = 0;

    while (n < 1000 && open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
        n++;
    return n > 100 && n < 256 && errno == EMFILE ? 0 : -1;
}

/* In the folder of its file. */
static long try_beside(void)
{
    return open(own_path(), O_RDONLY | O_CLOEXEC);
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* What the C library does at times behind one's back. */
static long try_libc(void)
{
    static int numbers[20000];
    time_t now = time(NULL);
    struct tm *t = localtime(&now);
    struct timespec tick = { 0, 1000 };
    char text[64];

    for (int i = 0; i < 20000; i++)
        numbers[i] = rand();
    qsort(numbers, 20000, sizeof *numbers, compare);
    strftime(text, sizeof text, "%F %T %Z", t);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL);
    free(malloc(48 << 20));
    fprintf(stderr, "libc: %s %.3f\n", text, (double)clock());
    return sysconf(_SC_PHYS_PAGES) > 0 && getpid() > 1 && numbers[0] <= numbers[19999] && raise(SIGCONT) == 0
               ? 0
               : -1;
}

static const struct {
    const char *name;
    long (*try)(void);
} acts[] = {
    { "socket", try_socket },
    { "write", try_write },
    { "cookie-write", try_cookie_write },
    { "mkdir", try_mkdir },
    { "unlink", try_unlink },
    { "read", try_read },
    { "cookie-read", try_cookie_read },
    { "exec", try_exec },
    { "fork", try_fork },
    { "thread", try_thread },
    { "ptrace", try_ptrace },
    { "peek", try_peek },
    { "maps", try_maps },
    { "signal", try_signal },
    { "setown", try_setown },
    { "limit", try_limit },
    { "memory", try_memory },
    { "huge", try_huge },
    { "handler", try_handler },
    { "handler-high-bits", try_handler_high_bits },
    { "blocked", try_blocked },
    { "cookie-blocked", try_cookie_blocked },
    { "mask", try_mask },
    { "system", try_system },
    { "code", try_code },
    { "late-code", try_late_code },
    { "stat", try_stat },
    { "absent", try_absent },
    { "wild-path", try_wild_path },
    { "32-bit", try_32_bit },
    { "own", try_own },
    { "beside", try_beside },
    { "files", try_files },
    { "libc", try_libc },
};

/* ---- when ---- */

static long try_it(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
        if (strlen(acts[i].name) == n && !memcmp(acts[i].name, name, n))
            return acts[i].try();
    abort();
}

__attribute__((constructor)) static void at_load(void)
{
    const char *name = strrchr(own_path(), '/');

    if (name && !strncmp(name, "/ctor-", 6))
        try_it(name + 6, strcspn(name + 6, "."));
}

static int is(const char *word)
{
    return when.n == strlen(word) && !memcmp(when.u.p, word, when.n);
}

/* Tells what came of it. */
static void tell(trommel_ctx *ctx)
{
    char text[100];
    long rc = try_it(what.u.p, what.n);
    int n = snprintf(text, sizeof text, "let: %d, errno %d", rc < 0 ? -1 : 0, rc < 0 ? errno : 0);

    host->fail(ctx, 0, text, (size_t)n);
}

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **self)
{
    (void)self;
    host = h;
    if (h->opt(ctx, 0, &what) || h->opt(ctx, 1, &when))
        return TROMMEL_E_FAIL;
    h->opt(ctx, 2, &file);
    if (!is("configure"))
        return TROMMEL_OK;
    tell(ctx);
    return TROMMEL_E_FAIL;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    trommel_str body = { 0 };

    (void)self;
    host->meta(page, TROMMEL_META_BODY, (trommel_str){ NULL, 0 }, &body);
    if (!is("process") || !memmem(body.p, body.n, "MARK", 4))
        return TROMMEL_CONTINUE;
    tell(ctx);
    return TROMMEL_VERDICT(TROMMEL_ERROR, 0);
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "violate",
    .version = "1",
    .summary = "tries what it may not",
    .n_opts = TROMMEL_COUNT(opts),
    .opts = opts,
    .n_reasons = TROMMEL_COUNT(reasons),
    .reasons = reasons,
    .configure = configure,
    .process = process,
};
