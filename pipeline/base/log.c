/* log: see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *log_prefix = "trommel";
static int log_at = LOG_INFO;
static void (*sink_fn)(void *, int, const char *);
static void *sink_arg;
static _Thread_local struct log_target thread_to;
static void (*above_fn)(void *);
static void *above_arg;

void log_init(const char *prefix, int level)
{
    log_prefix = prefix;
    log_at = level;
}

int log_level(void)
{
    return log_at;
}

void log_to(void (*fn)(void *arg, int level, const char *line), void *arg)
{
    sink_fn = fn;
    sink_arg = arg;
}

struct log_target log_thread_to(struct log_target to)
{
    struct log_target was = thread_to;

    thread_to = to;
    return was;
}

void log_above(void (*fn)(void *arg), void *arg)
{
    above_fn = fn;
    above_arg = arg;
}

void log_line(int level, const char *fmt, ...)
{
    static const char *const names[] = { "error: ", "warning: ", "", "debug: ", "trace: " };
    char line[2048];
    va_list ap;

    struct log_target to = thread_to.fn ? thread_to : (struct log_target){ sink_fn, sink_arg };
    if (level > log_at)
        return;
    int head = to.fn ? 0 : snprintf(line, sizeof line, "%s: %s", log_prefix, names[level]);
    va_start(ap, fmt);
    vsnprintf(line + head, sizeof line - (size_t)head - 1, fmt, ap);
    va_end(ap);
    if (to.fn) {
        to.fn(to.arg, level, line);
        return;
    }
    size_t n = 0;
    for (; line[n]; n++) /* what a page or a stage wrote must not move the cursor */
        if ((unsigned char)line[n] < 0x20 || line[n] == 0x7f)
            line[n] = ' ';
    line[n++] = '\n';
    if (above_fn)
        above_fn(above_arg);
    ssize_t done = write(STDERR_FILENO, line, n);
    (void)done;
}
