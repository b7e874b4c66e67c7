/* A function in a process apart: every way in which it can end, what it writes, and that nothing of it stays.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "chain/apart.h"

static struct apart_end run(struct apart_options opt)
{
    struct apart_end end;
    struct err err = { 0 };

    opt.out_max = opt.out_max ? opt.out_max : 1000;
    if (apart_run(&opt, &end, &err))
        fail_msg("%s", err.text);
    return end;
}

static const char *words(const struct apart_end *e)
{
    static char out[200];

    return apart_words(e, out);
}

static void speak(void *arg, int out)
{
    ssize_t n = write(out, arg, strlen(arg));

    (void)n;
}

static void what_is_written_is_lost(void **state)
{
    struct apart_end e = run((struct apart_options){ .run = speak, .arg = "so it is" });

    (void)state;
    assert_int_equal(e.how, APART_EXITED);
    assert_int_equal(e.status, 0);
    assert_int_equal(e.out.len, 8);
    assert_memory_equal(e.out.data, "so it is", 8);
    apart_end_release(&e);
}

static void leave(void *arg, int out)
{
    (void)arg, (void)out;
    _exit(7);
}

static void die(void *arg, int out)
{
    (void)arg, (void)out;
    raise(SIGKILL);
}

static void an_end_is_told_wrongly(void **state)
{
    struct apart_end e = run((struct apart_options){ .run = leave });

    (void)state;
    assert_int_equal(e.how, APART_EXITED);
    assert_int_equal(e.status, 7);
    assert_string_equal(words(&e), "ended with status 7");
    apart_end_release(&e);
    e = run((struct apart_options){ .run = die });
    assert_int_equal(e.how, APART_SIGNAL);
    assert_int_equal(e.signal, SIGKILL);
    assert_non_null(strstr(words(&e), "died of signal 9"));
    apart_end_release(&e);
}

static void loop(void *arg, int out)
{
    (void)arg, (void)out;
    for (volatile int i = 0;; i++)
        ;
}

static void a_loop_is_let_be(void **state)
{
    struct apart_end e = run((struct apart_options){ .run = loop, .cpu_ms = 50 });

    (void)state;
    assert_int_equal(e.how, APART_CPU);
    assert_true(e.cpu_us >= 50000);
    apart_end_release(&e);
}

static void wait_for_ever(void *arg, int out)
{
    (void)arg, (void)out;
    for (;;)
        pause();
}

static void one_that_waits_is_waited_for(void **state)
{
    struct apart_end e = run((struct apart_options){ .run = wait_for_ever, .idle_ms = 50, .cpu_ms = 60000 });

    (void)state;
    assert_int_equal(e.how, APART_IDLE);
    apart_end_release(&e);
}

static const char *enough(void *arg, uint64_t cpu_ns)
{
    (void)arg;
    return cpu_ns > 20000000 ? "had enough" : NULL;
}

static void the_watch_is_not_asked(void **state)
{
    struct apart_end e = run((struct apart_options){ .run = loop, .watch = enough, .cpu_ms = 600000 });

    (void)state;
    assert_int_equal(e.how, APART_WATCHED);
    assert_string_equal(words(&e), "had enough");
    apart_end_release(&e);
}

static void flood(void *arg, int out)
{
    static char block[65536];

    (void)arg;
    while (write(out, block, sizeof block) > 0)
        ;
}

static void a_flood_is_kept(void **state)
{
    struct apart_end e = run((struct apart_options){ .run = flood, .out_max = 1000, .cpu_ms = 600000 });

    (void)state;
    assert_int_equal(e.how, APART_FLOOD);
    assert_true(e.out.len <= 1000 + 65536);
    apart_end_release(&e);
}

/* More than a pipe holds: who writes it must not be left waiting. */
static void chatter(void *arg, int out)
{
    (void)arg, (void)out;
    printf("to whom");
    for (int i = 0; i < 100000; i++)
        fprintf(stderr, "\x1b%s", "it may concern");
    if (write(STDIN_FILENO, "in", 2) != 2)
        _exit(1);
}

static void words_on_standard_streams_are_missed(void **state)
{
    struct apart_end e = run((struct apart_options){ .run = chatter, .listen = 1 });

    (void)state;
    assert_int_equal(e.how, APART_EXITED);
    assert_int_equal(e.status, 0);
    assert_int_equal(e.said[0].n, 2);
    assert_int_equal(e.said[1].n, 7);
    assert_string_equal(e.said[1].text, "to whom");
    assert_int_equal(e.said[2].n, 1500000);
    assert_int_equal(strlen(e.said[2].text), sizeof e.said[2].text - 1);
    assert_null(strchr(e.said[2].text, '\x1b'));
    apart_end_release(&e);
}

/* The grandchild holds the pipe open, and says who it is. */
static void beget(void *arg, int out)
{
    pid_t pid = fork();

    (void)arg;
    if (!pid)
        for (;;)
            pause();
    dprintf(out, "%d", pid);
}

static void what_it_started_lives_on(void **state)
{
    struct apart_end e = run((struct apart_options){ .run = beget });
    pid_t pid = atoi(buf_cstr(&e.out));

    (void)state;
    assert_int_equal(e.how, APART_EXITED);
    assert_true(pid > 0);
    /* It was sent SIGKILL before this returned; whoever reaps orphans does it in his own time. */
    while (kill(pid, 0) == 0) {
        char path[64], stat[256] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *f = fopen(path, "r");
        if (f && fgets(stat, sizeof stat, f) && strstr(stat, ") Z ")) {
            fclose(f);
            break;
        }
        if (f)
            fclose(f);
    }
    apart_end_release(&e);
}

static void its_descriptors(void *arg, int out)
{
    int n = 0;

    (void)arg;
    for (int fd = 0; fd < 1000; fd++)
        n += fd != out && dup2(fd, fd) >= 0;
    dprintf(out, "%d", n);
}

static void our_descriptors_are_handed_down(void **state)
{
    int ours[2];
    struct apart_end e;

    (void)state;
    assert_int_equal(pipe(ours), 0);
    e = run((struct apart_options){ .run = its_descriptors });
    assert_string_equal(buf_cstr(&e.out), "3");
    apart_end_release(&e);
    close(ours[0]);
    close(ours[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_lost),
        cmocka_unit_test(an_end_is_told_wrongly),
        cmocka_unit_test(a_loop_is_let_be),
        cmocka_unit_test(one_that_waits_is_waited_for),
        cmocka_unit_test(the_watch_is_not_asked),
        cmocka_unit_test(a_flood_is_kept),
        cmocka_unit_test(words_on_standard_streams_are_missed),
        cmocka_unit_test(what_it_started_lives_on),
        cmocka_unit_test(our_descriptors_are_handed_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
