/* workers: what it costs that the chain runs in a worker of its own, sandboxed, instead of in this process.
 *
 *     workers [-c CHAIN.yaml] [-n ROUNDS] [-r REPEATS] [-l LEG] FILE...
 *
 * Base: the same chain loaded into one process and called page by page.  Ours: the pool with one worker; host and
 * worker are counted, from the bytes in memory to the checked record.  In turn, in child processes of their own, ROUNDS
 * times; what is printed are medians, and CPU time, not wall time.  Both start and load the chain within what is
 * counted, so pages should be many: REPEATS runs over the files. */
#include <sys/wait.h>

#include "bench/chain_call.h"

enum { ROUNDS_MOST = 25 };

struct plan {
    struct bench_pages pages;
    const char *config;
    int repeats;
};

static void in_process(const struct plan *plan)
{
    bench_chain_call(&plan->pages, plan->config, plan->repeats);
}

static void on_result(void *arg, void *user, const struct pool_result *r)
{
    *(size_t *)arg += r->record.n > 0;
}

static void in_worker(const struct plan *plan)
{
    size_t records = 0, n = plan->pages.n * (size_t)plan->repeats;
    struct pool_options opt = { .workers = 1, .on_result = on_result, .arg = &records };
    struct chain_config config = { 0 };
    struct err err = { 0 };
    struct pool *pool;

    bench_config(plan->config, &config);
    if (pool_open(&opt, &config, &pool, &err))
        bench_fail(err.text);
    for (size_t i = 0; i < n; i++) {
        struct pool_page page;
        bench_pool_page(&plan->pages, i, &page);
        while (pool_submit(pool, &page, NULL))
            if (pool_dispatch(pool, -1, &err) < 0)
                bench_fail(err.text);
    }
    while (pool_pending(pool))
        if (pool_dispatch(pool, -1, &err) < 0)
            bench_fail(err.text);
    pool_close(pool);
    if (records != n)
        bench_fail("records are missing");
}

/* CPU seconds of one round in a child: its own and its worker's. */
static double round_of(const struct plan *plan, void (*way)(const struct plan *))
{
    int status, fd[2];
    double cpu = -1;
    pid_t pid;

    if (pipe(fd) < 0 || (pid = fork()) < 0)
        exit(3);
    if (pid == 0) {
        double before = bench_cpu(RUSAGE_SELF);
        way(plan);
        cpu = bench_cpu(RUSAGE_SELF) - before + bench_cpu(RUSAGE_CHILDREN);
        _exit(write(fd[1], &cpu, sizeof cpu) != sizeof cpu);
    }
    close(fd[1]);
    if (read(fd[0], &cpu, sizeof cpu) != sizeof cpu || waitpid(pid, &status, 0) < 0 || status)
        exit(3);
    close(fd[0]);
    return cpu;
}

int main(int argc, char **argv)
{
    struct plan plan = { .repeats = 1 };
    const char *leg = "workers";
    int rounds = 5, c;
    double base[ROUNDS_MOST], ours[ROUNDS_MOST], ratio[ROUNDS_MOST];

    while ((c = getopt(argc, argv, "c:n:r:l:")) != -1) {
        if (c == 'c')
            plan.config = optarg;
        else if (c == 'n')
            rounds = atoi(optarg);
        else if (c == 'r')
            plan.repeats = atoi(optarg);
        else if (c == 'l')
            leg = optarg;
        else
            return 2;
    }
    if (optind == argc || rounds < 1 || rounds > ROUNDS_MOST || plan.repeats < 1) {
        fprintf(stderr, "usage: workers [-c CHAIN.yaml] [-n ROUNDS (1 to %d)] [-r REPEATS] [-l LEG] FILE...\n", ROUNDS_MOST);
        return 2;
    }
    plan.pages = bench_read_all(argv + optind, argc - optind);
    for (int i = 0; i < rounds; i++) {
        base[i] = round_of(&plan, in_process);
        ours[i] = round_of(&plan, in_worker);
        ratio[i] = ours[i] / base[i];
    }
    double n = (double)plan.pages.n * plan.repeats;
    printf("{\"leg\":\"%s\",\"pages\":%.0f,\"bytes\":%zu,\"rounds\":%d,\"in_process_ms\":%.4f,\"ms\":%.4f,\"ratio\":%.3f}\n", leg, n,
           plan.pages.bytes * (size_t)plan.repeats, rounds, bench_median(base, rounds) / n * 1e3,
           bench_median(ours, rounds) / n * 1e3, bench_median(ratio, rounds));
    return 0;
}
