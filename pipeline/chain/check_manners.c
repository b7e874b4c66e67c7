/* check_manners: a stage leaves the process it runs in as it was; see check_inner.h.
 *
 * Looked at after each page and after close: handlers and mask of signals, threads, children, timers, locale,
 * rounding, umask, current folder, descriptors 0 to 2.  What it writes to those three the parent sees in
 * every test. */
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain/check_inner.h"

enum { SIGNALS = 65 };

struct manners {
    struct sigaction acts[SIGNALS];
    sigset_t mask;
    mode_t umask;
    int rounding, traps;
    struct stat folder, std[3];
    int std_open[3];
    char locale[200];
    unsigned threads;
};

static struct manners at_first;

static void manners_take(struct manners *m)
{
    struct footprint f;

    *m = (struct manners){ 0 };
    for (int s = 1; s < SIGNALS; s++)
        sigaction(s, NULL, &m->acts[s]);
    sigprocmask(SIG_SETMASK, NULL, &m->mask);
    m->umask = umask(0);
    umask(m->umask);
    m->rounding = fegetround();
    m->traps = fegetexcept();
    stat(".", &m->folder);
    for (int fd = 0; fd < 3; fd++)
        m->std_open[fd] = fstat(fd, &m->std[fd]) == 0;
    snprintf(m->locale, sizeof m->locale, "%s", setlocale(LC_ALL, NULL));
    footprint_take(&f);
    m->threads = f.threads;
}

void manners_open(void)
{
    manners_take(&at_first);
}

static int same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static void signals_judge(const struct rig *r, const char *when, const struct manners *a,
                          const struct manners *b)
{
    for (int s = 1; s < SIGNALS; s++) {
        if (a->acts[s].sa_handler != b->acts[s].sa_handler)
            check_fail(r->k, "%s: it has installed a handler for signal %d (%s): those are the host's", when,
                       s, strsignal(s));
        if (sigismember(&a->mask, s) != sigismember(&b->mask, s))
            check_fail(r->k, "%s: it has %s signal %d (%s)", when,
                       sigismember(&b->mask, s) ? "blocked" : "unblocked", s, strsignal(s));
    }
}

static void timers_judge(const struct rig *r, const char *when)
{
    static const int timers[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
    struct itimerval t;

    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
        if (!getitimer(timers[i], &t) && (t.it_value.tv_sec || t.it_value.tv_usec))
            check_fail(r->k,
                       "%s: it has started a timer (alarm or setitimer), whose signal would kill the worker",
                       when);
}

static void children_judge(const struct rig *r, const char *when)
{
    pid_t pid = waitpid(-1, NULL, WNOHANG);

    if (pid >= 0)
        check_fail(r->k, "%s: it has started a process", when);
}

static void manners_judge(const struct rig *r, const char *when, const struct manners *a)
{
    struct manners b;

    manners_take(&b);
    signals_judge(r, when, a, &b);
    timers_judge(r, when);
    children_judge(r, when);
    if (b.threads > a->threads)
        check_fail(r->k, "%s: it has left %u threads running", when, b.threads - a->threads);
    if (strcmp(a->locale, b.locale))
        check_fail(r->k, "%s: it has changed the locale from %.80s to %.80s", when, a->locale, b.locale);
    if (a->umask != b.umask)
        check_fail(r->k, "%s: it has changed the umask from %03o to %03o", when, a->umask, b.umask);
    if (!same_file(&a->folder, &b.folder))
        check_fail(r->k, "%s: it has changed the current folder", when);
    if (a->rounding != b.rounding || a->traps != b.traps)
        check_fail(r->k, "%s: it has changed the %s of floating point", when,
                   a->rounding != b.rounding ? "rounding" : "traps");
    for (int fd = 0; fd < 3; fd++)
        if (!b.std_open[fd] || !same_file(&a->std[fd], &b.std[fd]))
            check_fail(r->k, "%s: it has closed or replaced descriptor %d", when, fd);
}

void test_manners(struct rig *r)
{
    char when[120];

    manners_judge(r, "after configure", &at_first);
    rig_pages(r);
    for (size_t i = 0; i < r->n_pages; i++) {
        rig_call(r, &r->pages[i]);
        snprintf(when, sizeof when, "after page \"%s\"", r->pages[i].name);
        manners_judge(r, when, &at_first);
    }
    rig_close(r);
    manners_judge(r, "after close", &at_first);
    check_say(r->k,
              "signals, threads, processes, timers, locale, umask, folder and descriptors as they were");
}
