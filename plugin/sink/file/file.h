/* The file sink's parts: segments written (writer), ids held (held), what a crash left (recover). */
#ifndef TROMMEL_SINK_FILE_H
#define TROMMEL_SINK_FILE_H
#include <stddef.h>
#include <stdint.h>
#include <zstd.h>

#define ID_BYTES 16
#define HELD_MAX (1u << 20) /* ids remembered from earlier runs; the oldest go first */

/* What went wrong, for the user. */
struct fault {
    int code; /* errno */
    char text[600];
};
int fault_set(struct fault *f, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* A place in the row of segments. */
struct place {
    uint64_t number, offset;
};

/* ---- held: ids taken and not committed ---- */
struct held_entry {
    uint8_t id[ID_BYTES];
    uint64_t seq;  /* order of writing */
    uint32_t owed; /* acknowledgements still owed; 0: written */
    uint32_t used;
};
struct held {
    struct held_entry *slots;
    size_t n, cap;
    uint64_t seq;
};
struct held_entry *held_find(const struct held *h, const uint8_t *id);
/* The entry, new (owed 0) or old; NULL: out of memory. */
struct held_entry *held_add(struct held *h, const uint8_t *id);
void held_remove(struct held *h, const uint8_t *id);
void held_release(struct held *h);

/* ---- writer: the segment being written ---- */
struct writer {
    const char *dir; /* borrowed */
    int dir_fd, fd;  /* fd -1: no segment is open */
    int zstd, level, sync;
    int dirty;       /* bytes behind `end` could not be cut off yet */
    uint64_t number; /* of the open segment, or of the next */
    uint64_t end;    /* bytes that are whole */
    uint64_t since_ns;
    char name[64];
    ZSTD_CCtx *cctx;
    unsigned char *out;
    size_t out_cap;
};
/* Name of a segment without ".open". */
void segment_name(char out[64], uint64_t number, int zstd);
/* Writes all of it behind the last, safely as `sync` says, or nothing.  0 or an errno in *f. */
int writer_write(struct writer *w, const void *p, size_t n, struct fault *f);
/* Gives the open segment its final name; an empty one is removed. */
int writer_finish(struct writer *w, struct fault *f);
void writer_release(struct writer *w);

/* ---- recover ---- */
struct recovery {
    void (*say)(void *arg, int level, const char *msg);
    void *arg;
};
/* Makes the folder, opens and locks it. */
int folder_open(const char *dir, int *ret_dir_fd, int *ret_lock_fd, struct fault *f);
/* Reads the checkpoint and what lies behind it: fills h, cuts a torn tail, sets the writer to go on there. */
int recover(struct writer *w, struct held *h, const struct recovery *r, struct fault *f);
/* Writes down that nothing before `at` needs to be read again but the ids held. */
int checkpoint_write(int dir_fd, const struct place *at, const struct held *h);
#endif
