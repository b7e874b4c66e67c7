/* trommel/sink.h: the contract between the pipeline (the host) and one sink, where records go.
 *
 * A sink is a shared object with one exported symbol, trommel_sink_entry.  It runs in the host process,
 * on its loop: every call comes from one thread, none may block for long.  The host holds a page's
 * credits (its share of memory) and keeps its URL open until the sink acknowledges the record by id.
 *
 * A record's life in a sink:
 *     put        the sink takes a copy or writes at once
 *     ack        the record is safe where it goes (the sink says what it guarantees)
 *     committed  the host has written down that this id is done; it will never be put again
 * After a crash the host puts again every record that was not committed, with the same id and the same
 * or newer bytes.  A sink that guarantees `exactly once` recognises those it has and acknowledges them
 * without writing; to do so it needs to remember only ids between ack and committed.
 *
 * Rules R1, R3, R4 of stage.h hold here too.  Licence: SPDX-License-Identifier: MIT */
#ifndef TROMMEL_SINK_H
#define TROMMEL_SINK_H
#include <trommel/stage.h>
#ifdef __cplusplus
extern "C" {
#endif

#define TROMMEL_SINK_ABI_MAJOR 1u
#define TROMMEL_SINK_ABI_MINOR 0u
#define TROMMEL_NOTE_SINK 2u /* type of the ELF note; the rest of it is as in stage.h */

typedef struct trommel_sink_ctx trommel_sink_ctx; /* host side of one open sink */

/* One record.  Borrowed: all of it dies when put() returns. */
typedef struct trommel_record {
    uint32_t struct_size, rsv;
    uint8_t id[16];
    trommel_str data; /* the record's msgpack, nothing around it */
    trommel_str key;  /* host name of its URL, for partitioning; may be empty */
} trommel_record;

/* How an acknowledgement went. */
enum {
    TROMMEL_ACK_DONE = 0,    /* safe */
    TROMMEL_ACK_AGAIN = -1,  /* not taken, try again later: the host puts it again */
    TROMMEL_ACK_REFUSED = -2 /* never will be (too large, malformed for this target): quarantined */
};

typedef struct trommel_sink_host {
    uint32_t struct_size, abi_minor;
    void (*log)(trommel_sink_ctx *, uint32_t level, const char *msg, size_t n); /* 0 error … 4 trace */
    /* Message for the user, to go with the error that open, put or flush returns next. */
    void (*fail)(trommel_sink_ctx *, const char *msg, size_t n);
    /* Acknowledges one record, inside any call or from poll(); once for every record taken by put(). */
    void (*ack)(trommel_sink_ctx *, const uint8_t id[16], int32_t how, const char *msg, size_t n);
    uint64_t (*now_ns)(trommel_sink_ctx *); /* monotonic */
    int32_t (*opt)(trommel_sink_ctx *, uint32_t opt, trommel_val *ret); /* as in stage.h */
    const char *(*target)(trommel_sink_ctx *); /* what follows the scheme: a path, HOST:PORT/TOPIC, … */
} trommel_sink_host;

enum { TROMMEL_AT_LEAST_ONCE = 1, TROMMEL_EXACTLY_ONCE = 2 };

typedef struct trommel_sink {
    uint32_t struct_size, abi_major, abi_minor, min_host_minor;
    const char *id; /* [a-z0-9.-]+ */
    const char *version, *summary, *license;
    const char *schemes; /* "file" or "redis|rediss": the SINK URLs it is for */
    uint32_t guarantee;  /* TROMMEL_AT_LEAST_ONCE, … */
    uint16_t opt_size, n_opts;
    const trommel_opt *opts; /* given as ?key=value&… behind the target, or in the configuration */
    /* Opens or creates the target; recovers what a crash left.  TROMMEL_OK or TROMMEL_E_* with fail(). */
    int32_t (*open)(const trommel_sink_host *, trommel_sink_ctx *, void **ret_self);
    /* Takes records in order, as many as it can without blocking; returns how many it took (0 to n), or
     * TROMMEL_E_* when the sink is broken (disk full): the host keeps them and tries again later. */
    int32_t (*put)(void *self, const trommel_record *recs, uint32_t n);
    /* These ids are written down as done by the host; they will not be put again.  May be NULL, as may flush,
     * fd and poll, if the sink has no use for them. */
    void (*committed)(void *self, const uint8_t (*ids)[16], uint32_t n);
    /* Starts making everything taken so far safe; acknowledgements follow. */
    int32_t (*flush)(void *self);
    /* Descriptor to watch for reading, or -1: the host calls poll() when it is readable, and at least
     * every poll_ms. */
    int (*fd)(void *self);
    void (*poll)(void *self);
    uint32_t poll_ms, rsv; /* 0: never */
    /* Flushes what it can within grace_ms, frees all.  Records not acknowledged are the host's again. */
    void (*close)(void *self, uint32_t grace_ms);
} trommel_sink;

TROMMEL_EXPORT const trommel_sink *trommel_sink_entry(uint32_t host_major);

#define TROMMEL_SINK_HEAD                                                                     \
    .struct_size = sizeof(trommel_sink), .abi_major = TROMMEL_SINK_ABI_MAJOR,                 \
    .abi_minor = TROMMEL_SINK_ABI_MINOR, .opt_size = sizeof(trommel_opt)
#define TROMMEL_SINK                                                                          \
    __attribute__((section(TROMMEL_NOTE_SECTION), used, aligned(4))) static const struct trommel_note \
        trommel_note_ = { 4, 16, TROMMEL_NOTE_SINK, { 'T', 'R', 'M', 0 }, TROMMEL_SINK_ABI_MAJOR, \
                          TROMMEL_SINK_ABI_MINOR, 0, (uint32_t)sizeof(void *) * 8 };          \
    static const trommel_sink trommel_sink_;                                                  \
    TROMMEL_EXPORT const trommel_sink *trommel_sink_entry(uint32_t host_major)                \
    {                                                                                         \
        return host_major == TROMMEL_SINK_ABI_MAJOR ? &trommel_sink_ : NULL;                  \
    }                                                                                         \
    static const trommel_sink trommel_sink_

#ifdef __cplusplus
}
#endif
#endif
