/* proto: what passes between the host and a worker.  Internal to chain/.
 *
 * One stream socket carries frames both ways: a fixed head, then `n` bytes.  Page bodies do not pass here:
 * PAGE names a place in the ring, memory that the host writes and the worker can only read.  Both ends are
 * of one build (the first frame says so), so structs go as they lie.
 *
 *     host -> worker    CONFIG once, then PAGE …
 *     worker -> host    READY or REFUSED once, then LOG …, RESULT … in the order of the pages; LOST is the last
 *
 * The host believes nothing: lengths are bounded, results must come in order, records are checked. */
#ifndef TROMMEL_CHAIN_PROTO_H
#define TROMMEL_CHAIN_PROTO_H
#include <stdint.h>

#include "base/limits.h"

#define PROTO_MAGIC 0x314d5254u /* "TRM1" */
enum { PROTO_FD_SOCKET = 3, PROTO_FD_RING, PROTO_FD_CRUMB, PROTO_FD_LIFE, PROTO_FD_END };
enum { PROTO_CONFIG = 1, PROTO_PAGE, PROTO_READY, PROTO_REFUSED, PROTO_LOG, PROTO_RESULT, PROTO_LOST };

struct proto_head {
    uint32_t magic, type;
    uint32_t n; /* bytes that follow */
    uint32_t rsv;
    uint64_t seq; /* PAGE, RESULT: the page's number */
};

#define PROTO_RING_BYTES (32u * MIB)
#define PROTO_CONFIG_MAX (8u * MIB)
#define PROTO_READY_MAX  (64u * KIB)
#define PROTO_LOG_MAX    2048u
#define PROTO_SKETCH_MAX (256u * KIB)
#define PROTO_RESULT_MAX (LIMIT_RECORD_BYTES + PROTO_SKETCH_MAX + 4096u)

/* CONFIG: this, then strings: uint32_t length and bytes with their NUL. */
struct proto_config {
    uint32_t size; /* of this struct: another build has another */
    uint32_t page_ms, stage_ms, generation;
    uint32_t n_items, n_sets;
    uint32_t flags; /* PROTO_* */
    uint32_t rsv;
    uint64_t worker_bytes;
    char version[32];
};

#define PROTO_NETWORK 1u /* stages that need the network may run, outside the sandbox */
#define PROTO_NONE    2u /* the chain `none` */

struct proto_place { /* PAGE: where in the ring */
    uint32_t off, n;
};

/* What lies there: this, then the strings in the order of `str`, each 0-terminated by nothing. */
enum {
    PAGE_ID_TEXT,
    PAGE_URL,
    PAGE_FINAL_URL,
    PAGE_FETCH,
    PAGE_TYPE,
    PAGE_ENCODING,
    PAGE_HEADERS,
    PAGE_BODY,
    PAGE_STRS
};
struct proto_page {
    uint8_t id[16];
    int64_t fetched_ms;
    uint64_t bytes;
    uint32_t status, rsv;
    uint32_t str_n[PAGE_STRS];
};

/* READY: this, then each stage's id and version as strings. */
struct proto_ready {
    uint32_t n_stages;
    uint32_t sandbox;   /* as sandbox_load says */
    uint32_t networked; /* as sandbox_admit says */
    char hash[36];
    uint8_t item[LIMIT_STAGES]; /* of the configuration, for each stage */
};

/* REFUSED: this, then the message. */
struct proto_refused {
    int32_t code;
};

/* LOG: this, then the line. */
struct proto_log {
    int32_t level;
};

/* RESULT: this, then reason, sketch, record. */
struct proto_result {
    uint32_t outcome, stage, retry, fatal;
    uint32_t reason_n, sketch_n, record_n, rsv;
    uint64_t cpu_us, wait_us;
};

/* LOST: this, then the message: the worker ends, because a program of it cannot be used any longer (exec.h). */
struct proto_lost {
    uint32_t program; /* which of them */
    uint32_t how;     /* EXEC_LOST_* */
    uint32_t is_begun;
};

/* Where the worker is: in memory it can write, so a hint, copied before it is used.  Behind it, in the same
 * memory, lies what it leaves when it crashes (crash.h) and when the sandbox ends it (sandbox.h). */
#define PROTO_CRUMB_BYTES 4096u
#define PROTO_CRASH_AT    64u
#define PROTO_NOTE_AT     3200u
enum {
    CRUMB_START,
    CRUMB_LOAD,
    CRUMB_CONFIGURE,
    CRUMB_IDLE,
    CRUMB_PARSE,
    CRUMB_STAGE,
    CRUMB_LINKS,
    CRUMB_COMPOSE,
    CRUMB_PHASES
};
struct crumb {
    uint64_t seq;
    uint32_t phase, index; /* index: of the stage, or of the chain's item while it is loaded */
    uint32_t generation, rsv;
};
#endif
