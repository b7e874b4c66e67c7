/* head: the head of a WARC record: version line, named fields; as WARC 1.0 and 1.1 have it, and 0.17, 0.18.
 *
 * Taken as it comes from real writers: lines that end in LF alone, folded values, URLs and ids with or
 * without angle brackets, any case of the names, lines that are no field (passed over). */
#ifndef TROMMEL_WARC_HEAD_H
#define TROMMEL_WARC_HEAD_H
#include <stdint.h>
#include <string.h>
#include <trommel/stage.h>

#include "base/limits.h"

#define WARC_HEAD_MOST (64u * KIB)

enum warc_type {
    WARC_INFO,
    WARC_RESPONSE,
    WARC_RESOURCE,
    WARC_REQUEST,
    WARC_METADATA,
    WARC_REVISIT,
    WARC_CONVERSION,
    WARC_CONTINUATION,
    WARC_OTHER, /* of no known type */
    WARC_TYPES
};

struct warc_head {
    enum warc_type type;
    /* borrowed from the bytes; n 0: not there */
    trommel_str id, url, date, content_type, ip, truncated;
    trommel_str digest, refers, profile; /* WARC-Payload-Digest, -Refers-To, -Profile */
    int64_t date_ms;                     /* 0: none that can be read */
    uint64_t length;                     /* of the block */
};

/* A field's name or value without the white space around it. */
static inline trommel_str head_trim(const unsigned char *p, const unsigned char *end)
{
    while (p < end && memchr(" \t\r\n", *p, 4))
        p++;
    while (end > p && memchr(" \t\r\n", end[-1], 4))
        end--;
    return (trommel_str){ (const char *)p, (size_t)(end - p) };
}
/* The length of the head that begins at p, with the empty line behind it; 0: it does not end within n bytes.
 * The first `known` of them were looked through before. */
size_t warc_head_size(const unsigned char *p, size_t n, size_t known);
/* Reads a whole head (folded values are joined where they lie).  NULL, or what is wrong with it. */
const char *warc_head_read(unsigned char *p, size_t n, struct warc_head *ret);
/* The same for the line in front of a record of an ARC file, which is a response; n: with its line end.  The
 * head of the file itself is WARC_INFO. */
const char *arc_head_read(unsigned char *p, size_t n, struct warc_head *ret);
#endif
