/* control: the socket through which a crawl that runs is asked and told things: JOB/control.sock.
 *
 * A Unix stream socket of mode 0600, in the job's folder; it is there while the crawl runs, and one that a
 * killed crawl left behind is replaced.  Only the user whose crawl it is, and root, are heard (SO_PEERCRED).
 *
 * The protocol, for those who write a client of their own: one JSON object (RFC 8259) a line, in either
 * direction.
 *
 *     → {"v":1,"cmd":"stage.set","id":"boilerplate","set":["mode=precision"]}
 *     ← {"progress":"golden pages: 12 of 40"}
 *     ← {"ok":true,"result":{"generation":2,…}}
 *
 * A request has `cmd`, `v` (1; it may be left out) and the fields of its command; `job_control.h` lists them.
 * Its answer is the line with `ok`.  Lines with `progress` may come before it, for people; a client that
 * reads too slowly does not get all of them.  What went wrong is said by
 * {"ok":false,"error":{"code":"USAGE","text":"…"}}: the code is the name of an ERR_* of base/err.h, the text
 * names the thing, what was wrong and the mend; other keys of `error` may say more.  Requests on one
 * connection are answered one after the other, in order; several connections are served side by side.  After
 * a line that is no request (no JSON object, a NUL, over CONTROL_LINE_BYTES) the error comes and the
 * connection is closed.  So is, with error TIMEOUT, one on which nothing is under way and no request becomes
 * complete for so long (idle_ms), or which does not take its answer.  A client that goes away in the middle
 * harms nothing.  A client that closes its writing side still gets its answer.
 *
 * Lives on a libuv loop, in one thread; nothing blocks.  SIGPIPE must be ignored. */
#ifndef TROMMEL_CONTROL_CONTROL_H
#define TROMMEL_CONTROL_CONTROL_H
#include <jansson.h>
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"

#define CONTROL_SOCKET       "control.sock"
#define CONTROL_VERSION      1
#define CONTROL_LINE_BYTES   (1u << 20) /* of a request */
#define CONTROL_ANSWER_BYTES (8u << 20)
#define CONTROL_CLIENTS      16u
#define CONTROL_IDLE_MS      30000u

struct control;
struct control_call; /* a command that wants its answer */

struct control_options {
    const char *dir;  /* the job's folder */
    uint32_t idle_ms; /* 0: CONTROL_IDLE_MS */
    /* A request has come.  Each call is answered once, by control_answer or control_fail, now or later; it is
     * gone then.  `cmd` and `request` are borrowed until that. */
    void (*on_command)(void *arg, struct control_call *call, const char *cmd, const json_t *request);
    void *arg;
};
/* ERR_EXISTS: another crawl answers there, or something is in the way.  ERR_IO: a socket cannot be made
 * there. */
int control_open(uv_loop_t *loop, const struct control_options *opt, struct control **ret, struct err *err);

/* Takes result. */
void control_answer(struct control_call *call, json_t *result);
/* Takes detail: more keys for `error`; may be NULL. */
void control_fail(struct control_call *call, const struct err *why, json_t *detail);
/* A line for people while it lasts. */
void control_progress(struct control_call *call, const char *text);
/* Text for an answer, new: what is no UTF-8 (a path of another age, a message that was cut) becomes '?';
 * NULL: null. */
json_t *control_text(const char *text);
/* Whoever asked has gone away: nobody will read the answer. */
int control_gone(const struct control_call *call);
/* Who asked. */
struct control_peer {
    uid_t uid;
    pid_t pid;
};
struct control_peer control_peer(const struct control_call *call);

/* Hears no more: the socket is gone, idle connections are closed.  Calls may still be answered. */
void control_quiet(struct control *c);
/* Closes.  Calls that were not answered fail with ERR_CLOSED; what was said before is delivered to those who
 * read. done_fn comes from the loop, when all handles are closed. */
void control_close(struct control *c, void (*done_fn)(void *arg), void *arg);
#endif
