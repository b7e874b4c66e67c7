/* parts: what of a page goes to a program, and the frames that carry it. */
#ifndef TROMMEL_STAGE_EXEC_PARTS_H
#define TROMMEL_STAGE_EXEC_PARTS_H
#include <msgpack.h>

#include "plugin/stage/exec/exec.h"

struct part {
    uint8_t is_need;       /* else from meta() */
    uint32_t what;         /* index into exec_needs; TROMMEL_META_* */
    trommel_str name, key; /* key: of a header.  Both borrow the option's text or the table */
};
struct parts {
    struct part rows[EXEC_PARTS_MAX];
    uint32_t n;
};

enum { EXEC_NEEDS = 25 };
extern const trommel_port exec_needs[EXEC_NEEDS];

/* Reads the names of option `send`.  -1: *bad is the first that is unknown (or one too many). */
int parts_read(trommel_str text, struct parts *ret, trommel_str *bad);
void parts_list(char *to, size_t n); /* all the names there are, for a message */

/* The frames' bytes into out, which is cleared first.  -1: over EXEC_FRAME_MAX, or out of memory. */
int parts_hello(const struct parts *parts, const char *id, uint32_t deadline_ms, msgpack_sbuffer *out);
int parts_page(const struct parts *parts, const trommel_host *host, trommel_page *page, uint64_t n,
               msgpack_sbuffer *out);
#endif
