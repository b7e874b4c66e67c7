/* decode: the content encodings of a body (gzip, deflate, br, zstd, stacked), undone within limits.
 *
 * No more is ever allocated than the limit of what may come out.  A body that was cut off gives what
 * could be decoded; damaged data is an error.  A body that is plain text in spite of its label is taken as
 * it is, as browsers do. */
#ifndef TROMMEL_PARSE_DECODE_H
#define TROMMEL_PARSE_DECODE_H
#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "parse/parse.h"

struct decoder {
    struct libdeflate_decompressor *whole; /* gzip bodies that are all there */
    z_stream stream;
    int stream_ready;
    ZSTD_DCtx *zstd;
    struct buf out[2]; /* stacked encodings go to and fro */
};

int decoder_init(struct decoder *d); /* 0 or ERR_NOMEM; release takes half-made ones */
void decoder_release(struct decoder *d);
/* 0 or ERR_NOMEM.  *ret_reason: NULL, or why it failed (parse.h).  *ret_body is `body` itself or the
 * decoder's until the next call. */
int decode_body(struct decoder *d, const struct parse_limits *limits, trommel_str encoding, trommel_str body,
                trommel_str *ret_body, const char **ret_reason);
#endif
