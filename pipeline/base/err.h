/* err: the one list of error codes, their names and texts.
 *
 * Functions return 0 or a negative ERR_*.  A module returns errors; whoever decides about the page or
 * the job logs, so each failure is logged once.  Where a user must be told more than the code says, a
 * `struct err` carries the message: the thing, what was wrong, and the mend. */
#ifndef TROMMEL_BASE_ERR_H
#define TROMMEL_BASE_ERR_H
#include <stdarg.h>
#include <stddef.h>

#define ERR_MAP(X)                                                              \
    X(1, FAIL, "failed")                                                        \
    X(2, NOMEM, "out of memory")                                                \
    X(3, LIMIT, "over a limit")                                                 \
    X(4, INVALID, "invalid input")                                              \
    X(5, ABSENT, "not there")                                                   \
    X(6, IO, "input or output failed")                                          \
    X(7, FULL, "full; come again")                                              \
    X(8, AGAIN, "nothing ready; come again")                                    \
    X(9, TIMEOUT, "took too long")                                              \
    X(10, CRASHED, "the worker process died")                                   \
    X(11, REFUSED, "refused")                                                   \
    X(12, UNSUPPORTED, "not supported")                                         \
    X(13, CORRUPT, "the stored bytes are damaged")                              \
    X(14, USAGE, "wrong usage or configuration")                                \
    X(15, CLOSED, "closed")                                                     \
    X(16, EXISTS, "exists already")                                            \
    X(17, BUSY, "another thread is in it")                                      \
    X(18, FORKED, "this process is a child of the one that opened it")

enum {
#define X(n, name, text) ERR_##name = -(n),
    ERR_MAP(X)
#undef X
};

/* The text and the name ("LIMIT") of a code; never NULL. */
const char *err_text(int code);
const char *err_name(int code);

/* A code with its message.  The message is cut at the buffer's end, never overrun. */
struct err {
    int code;
    char text[1000];
};

/* Sets code and message; returns code, so that a caller can `return err_set(err, …)`.
 * `err` may be NULL: only the code is returned then. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts "what: " before the message that is there. */
void err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
