/* cdxj: the index beside a WARC file: a line for each capture, sorted by its key.
 *
 *     org,example)/a 20261201031238 {"url": "http://example.org/a", "mime": "text/html", "status": "200",
 *     "digest": "sha1:…", "length": "1043", "offset": "411", "filename": "….warc.gz"}
 *
 * Keys are surt.h's.  Fields, their order and how a header is read are those of cdxj-indexer, so that its
 * output for the same file is the same byte for byte. */
#ifndef TROMMEL_WARC_CDXJ_H
#define TROMMEL_WARC_CDXJ_H
#include <trommel/stage.h>

#include "base/buf.h"
#include "base/err.h"

struct cdxj_capture {      /* all borrowed */
    trommel_str url, date; /* WARC-Target-URI, WARC-Date */
    trommel_str head;      /* the response's status line and headers */
    trommel_str digest;    /* WARC-Payload-Digest */
    int revisit;
};
/* Adds a line but for its end, which is told by cdxj_end once the record has its place. */
int cdxj_begin(const struct cdxj_capture *c, struct buf *line);
int cdxj_end(struct buf *line, uint64_t length, uint64_t offset, const char *filename);
/* Sorts the lines of a file by their bytes into another, which is on disk when this returns 0.  Memory: 8
 * bytes a line; the lines are mapped. */
int cdxj_sort(const char *from, const char *to, struct err *err);
#endif
