/* read: the records of a WARC or ARC file, one after the other, whatever has become of the file.
 *
 * A record is given when it is known to be whole: its head is sound, its block is as long as the head says,
 * and the packed member that holds it alone was sound.  What is not is told (warc_options.on_damage) and
 * passed over, and reading goes on with the next record that can be found: within the same member by its
 * head, else at the next member that unpacks to one.  Only what lies within damaged bytes is lost; of a file
 * packed as one, what lies behind them too.  Memory is bounded, and so is the work over damaged bytes.
 *
 * From a pipe what a wrong Content-Length has swallowed is found again within INLET_HELD_MOST (or
 * MEMBER_HELD_MOST when packed); from a file, always.  One thread. */
#ifndef TROMMEL_WARC_READ_H
#define TROMMEL_WARC_READ_H
#include "base/err.h"
#include "warc/head.h"
#include "warc/member.h"

/* Blocks up to this are given whole: a body of the largest size, and what is in front of it. */
#define WARC_BLOCK_MOST (LIMIT_BODY_BYTES + LIMIT_HEADER_BYTES + 1u * MIB)
/* Of larger ones so much. */
#define WARC_BLOCK_PART (LIMIT_HEADER_BYTES + 4u * KIB)

struct warc_place {
    uint64_t offset; /* in the file: of the record, or of the member that it lies in … */
    uint64_t inner;  /* … and where in that, unpacked */
};

struct warc_record { /* all of it borrowed until the next warc_next or warc_keep */
    struct warc_head head;
    struct warc_place place;
    unsigned char *start; /* of the head */
    unsigned char *block; /* may be written to */
    size_t block_n;
    int is_whole; /* block is all of it */
    int is_arc;
};

struct warc;
struct warc_options {
    /* Each damage, once, in the order of the file.  text: what was wrong. */
    void (*on_damage)(void *arg, const struct warc_place *place, const char *text);
    void *arg;
    int stop_fd; /* 0: none; else a pipe is at its end as soon as this is readable */
};
/* fd: borrowed.  ERR_NOMEM. */
int warc_open(int fd, const struct warc_options *opt, struct warc **ret);
void warc_close(struct warc *w); /* NULL-safe */
/* 1; 0 at the end; ERR_IO (err says what). */
int warc_next(struct warc *w, struct warc_record *ret, struct err *err);
/* Makes the record just given live on: its bytes are moved to *spare, a buffer of MEMBER_BUF_BYTES from
 * malloc, or *spare is changed for the one that they lie in.  The record's pointers are set right. */
void warc_keep(struct warc *w, unsigned char **spare, struct warc_record *r);
/* Before the first warc_next: goes to a record that was given earlier, which is then the first.
 * ERR_UNSUPPORTED: a pipe; ERR_CORRUPT: there is none. */
int warc_seek(struct warc *w, const struct warc_place *place);
/* How far into the file it is. */
uint64_t warc_offset(const struct warc *w);
#endif
