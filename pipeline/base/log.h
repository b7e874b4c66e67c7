/* log: messages for people, on stderr, one line each; records never go here.
 *
 * Level and prefix are the process's; set once at the start.  A line is written with one write(2).
 * While a progress line stands on the terminal, log_above is called before a message to clear it. */
#ifndef TROMMEL_BASE_LOG_H
#define TROMMEL_BASE_LOG_H

enum { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

void log_init(const char *prefix, int level); /* prefix: "trommel"; borrowed for the process's life */
int log_level(void);
/* Where lines go when not to stderr; NULL is stderr again.  fn gets the line without its end. */
void log_to(void (*fn)(void *arg, int level, const char *line), void *arg);
/* The same for this thread alone, and before the other; returns what was.  So a library keeps what it has to say
 * from its host's stderr. */
struct log_target {
    void (*fn)(void *arg, int level, const char *line); /* NULL: as in every thread */
    void *arg;
};
struct log_target log_thread_to(struct log_target to);
void log_line(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Called before each line that goes to stderr (a progress display clears itself there). */
void log_above(void (*fn)(void *arg), void *arg);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) do { if (log_level() >= LOG_DEBUG) log_line(LOG_DEBUG, __VA_ARGS__); } while (0)
#define log_trace(...) do { if (log_level() >= LOG_TRACE) log_line(LOG_TRACE, __VA_ARGS__); } while (0)
#endif
