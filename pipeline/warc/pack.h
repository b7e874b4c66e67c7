/* pack: the records of one exchange, compressed record by record, ready to be written one behind the other.
 *
 * All of it may run in any thread, with a tool of its own.  The capture comes first: a response, or a revisit
 * if its payload is in the archive already; then the request and the metadata. */
#ifndef TROMMEL_WARC_PACK_H
#define TROMMEL_WARC_PACK_H
#include "warc/build.h"
#include "warc/revisit.h"

#define WARC_CODING_MAP(X) X(GZIP, gzip, ".warc.gz") X(ZSTD, zstd, ".warc.zst") X(NONE, none, ".warc")
enum warc_coding {
#define X(up, low, end) WARC_##up,
    WARC_CODING_MAP(X)
#undef X
        WARC_CODINGS
};
extern const char *const warc_coding_names[WARC_CODINGS], *const warc_coding_ends[WARC_CODINGS];

/* What compresses; one thread at a time. */
struct warc_tool;
struct warc_tool *warc_tool_new(enum warc_coding coding);
void warc_tool_free(struct warc_tool *t); /* NULL-safe */
/* Where a record is built before it is compressed; emptied. */
struct buf *warc_tool_plain(struct warc_tool *t);
/* Adds what was built there to *out.  0, or the buffer's error. */
int warc_tool_add(struct warc_tool *t, struct buf *out);

struct warc_pack {
    struct buf bytes;
    struct buf line; /* of the index, but for its end */
    uint8_t uuid[WARC_UUID_BYTES], key[DIGEST_BYTES], digest[DIGEST_BYTES];
    int64_t date_ms;
    trommel_str url;       /* borrowed from the exchange */
    uint64_t length;       /* of the capture, as an index says it */
    int revisit, remember; /* remember: its payload is one to refer to */
    /* set when it is written */
    char file[256]; /* the name that the file has in the end */
    uint64_t offset;
};
/* known NULL: nothing is a revisit.  0, or an error (a record over WARC_RECORD_MAX). */
int warc_pack_make(struct warc_tool *t, struct revisit *known, const struct warc_exchange *x,
                   struct warc_pack *ret);
void warc_pack_release(struct warc_pack *p);
#endif
