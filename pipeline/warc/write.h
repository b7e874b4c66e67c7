/* write: WARC files in a folder, safe on disk before anybody is told.
 *
 *     PREFIX-20261201031238123-00000-HOST.warc.gz        a file; the same with .open while it is written
 *     PREFIX-20261201031238123-00000-HOST.warc.gz.cdxj   its index, made when it is closed
 *
 * A file begins with a warcinfo record; one that has reached its size is closed.  What a crash left open is
 * cut behind its last whole record, indexed and closed when the folder is opened again (recover.h).  One
 * thread at a time, and none that must not wait for a disk. */
#ifndef TROMMEL_WARC_WRITE_H
#define TROMMEL_WARC_WRITE_H
#include "base/err.h"
#include "warc/pack.h"

struct warc_writer;
struct warc_write_options { /* borrowed while it is open */
    const char *dir;        /* made if it is not there */
    const char *prefix;
    enum warc_coding coding;
    uint64_t size_max; /* a file of so many bytes is closed */
    struct warc_about about;
    struct revisit *known; /* NULL: payloads are not remembered */
};
struct warc_counts {
    uint64_t files, captures, revisits, bytes;
};

int warc_writer_open(const struct warc_write_options *opt, struct warc_writer **ret, struct err *err);
/* Writes the packs one behind the other and returns 0 when all of them are on disk; each then knows its file
 * and offset.  An error: none of them counts, and nothing more is written; what was begun is cut off again,
 * now or by the next open. */
int warc_append(struct warc_writer *w, struct warc_pack *const *packs, size_t n, struct err *err);
/* Closes the file that is open and makes its index; after an error of warc_append it stays for the next open.
 * Frees w. */
int warc_writer_close(struct warc_writer *w, struct err *err);
struct warc_counts warc_writer_counts(const struct warc_writer *w);

/* The folder for oneself: while a file is made in it, or files are recovered.  Waits for others.  The
 * descriptor, which ends it when it is closed, or -1 (errno says why). */
int warc_folder_lock(const char *dir);
/* The name has its .open; the file is on disk.  Makes its index of the lines in NAME.cdxj.open and gives both
 * their names. */
int warc_file_finish(const char *dir, const char *name, struct err *err);
#endif
