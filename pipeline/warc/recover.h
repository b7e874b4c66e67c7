/* recover: what a crash left of the WARC files that were being written.
 *
 * A file called …warc.gz.open (.zst, or plain) whose first record is a warcinfo of Trommel is cut behind its
 * last whole record, its index is made anew, and it gets its name.  A record is whole when its member or
 * frame is (with its checksum), its length is the one that it says, and its block has its digest.  Files that
 * somebody else has open, or has made, are left alone. */
#ifndef TROMMEL_WARC_RECOVER_H
#define TROMMEL_WARC_RECOVER_H
#include "base/err.h"
#include "warc/pack.h"

/* A whole record; borrowed while the callback runs. */
struct warc_seen {
    trommel_str type, url, date, digest; /* digest: of the payload */
    trommel_str block;
    uint64_t offset, length; /* length: as an index says it */
};
/* Gives each whole record of n bytes at p, up to the first that is not whole.  Returns the bytes of those
 * that were; fn returns 0, or something else to stop before that record. */
size_t warc_scan(enum warc_coding coding, const void *p, size_t n,
                 int (*fn)(void *arg, const struct warc_seen *r), void *arg);
/* All such files of a folder whose names begin with the prefix.  Says what it does. */
int warc_recover(const char *dir, const char *prefix, struct err *err);
#endif
