/* answer: what a program says: its hello, then one map a page.
 *
 * What is not known is refused by name, so that a slip of the pen ("puts") is no silence. */
#ifndef TROMMEL_STAGE_EXEC_ANSWER_H
#define TROMMEL_STAGE_EXEC_ANSWER_H
#include <msgpack.h>

#include "plugin/stage/exec/exec.h"

enum { ANSWER_WHY_BYTES = 300 };

struct answer {
    uint64_t n; /* the page's number, as it was sent */
    const msgpack_object_map *put;
    trommel_str drop, error; /* n is 0 if there is none */
    int retry;
};
enum answer_state {
    ANSWER_OK,
    ANSWER_BAD, /* about the page sent, but not what an answer may be */
    ANSWER_NONE /* no answer to this page: they are out of step */
};

/* n: of the page that was sent.  What ret points to lies in `in` and the frame. */
enum answer_state answer_read(trommel_str frame, uint64_t n, msgpack_unpacked *in, struct answer *ret,
                              char why[ANSWER_WHY_BYTES]);

struct hello {
    trommel_str name, version;
    char (*reasons)[EXEC_REASON_BYTES + 1]; /* malloc'd; the caller's */
    uint32_t n_reasons;
};
/* 0, or -1 and why. */
int hello_read(trommel_str frame, msgpack_unpacked *in, struct hello *ret, char why[ANSWER_WHY_BYTES]);
#endif
