/* member: an archive's bytes, unpacked: gzip (a member a record, or one for the whole file), zstd (the same,
 * with or without a dictionary in front), or as they are.
 *
 * A member is what can be unpacked by itself: a gzip member, a zstd frame, a plain file as a whole.  What it
 * holds is given in one piece that grows up to MEMBER_HELD_MOST.  A member that is all there and not too
 * large is unpacked at one go and so is known to be whole before any of it is given; others are streamed.
 *
 * Damage ends a member, not the file: member_find looks for the next one that unpacks to what archives begin
 * with. How much is unpacked in vain is bounded.  One thread. */
#ifndef TROMMEL_WARC_MEMBER_H
#define TROMMEL_WARC_MEMBER_H
#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include "warc/inlet.h"

#define MEMBER_HELD_MOST (16u * MIB)
#define MEMBER_BUF_BYTES (MEMBER_HELD_MOST + 128u * KIB) /* of `out` */
#define MEMBER_DICT_MOST (8u * MIB)
/* Unpacked bytes that are only to be passed over may be so many times the packed ones. */
#define MEMBER_RATIO_MOST 400u

enum member_form { MEMBER_UNKNOWN, MEMBER_PLAIN, MEMBER_GZIP, MEMBER_ZSTD };

struct member {
    struct inlet in;
    enum member_form form;
    uint64_t start;     /* offset in the file */
    uint64_t inner;     /* unpacked bytes of it in front of `at` */
    unsigned char *out; /* MEMBER_BUF_BYTES; not for plain ones, which lie in the inlet's buffer */
    size_t at, len;
    int is_open; /* it is being unpacked */
    int is_over; /* all of it is unpacked, and was sound */
    struct libdeflate_decompressor *whole;
    z_stream gz;
    int gz_ready;
    ZSTD_DCtx *zstd;
    ZSTD_DDict *dict;
    struct err why;          /* it is damaged behind what is there */
    uint64_t furthest, vain; /* see member_find */
};

int member_init(struct member *m, int fd, int stop_fd); /* inlet.h */
void member_release(struct member *m);                  /* NULL-safe, takes half-made ones */

/* Goes to the next member; bytes of the last one that were not taken stay in front of its own, and count as
 * its. 1; 0 at the end of the file; ERR_CORRUPT: what follows is none (err says what is wrong); ERR_IO. */
int member_next(struct member *m, struct err *err);
/* Makes n bytes (at most MEMBER_HELD_MOST) of it be there.  1; 0: it ends before; ERR_CORRUPT: it is damaged
 * before there are so many. */
int member_need(struct member *m, size_t n, struct err *err);
/* Drops it where it stands and looks for another behind its start.  1: member_next gives it; 0: there is
 * none. */
int member_find(struct member *m);
/* To a place that was a record's: a member's start, and so many unpacked bytes further.  ERR_UNSUPPORTED,
 * ERR_CORRUPT. */
int member_seek(struct member *m, uint64_t start, uint64_t inner);

static inline const unsigned char *member_at(const struct member *m)
{
    return m->form == MEMBER_PLAIN ? inlet_at(&m->in) : m->out + m->at;
}
static inline size_t member_left(const struct member *m)
{
    return m->form == MEMBER_PLAIN ? inlet_left(&m->in) : m->len - m->at;
}
static inline void member_take(struct member *m, size_t n)
{
    if (m->form == MEMBER_PLAIN)
        inlet_take(&m->in, n);
    else
        m->at += n;
    m->inner += n;
}
#endif
