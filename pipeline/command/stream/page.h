/* page: a frame of `trommel extract --stream`, read as a page: one msgpack map to a trommel_input.
 *
 * Keys: id url final_url status headers content_type content_encoding fetched_at fetch deadline_ms body; only
 * body must be there.  Nothing is copied but headers that are no lines yet and ids that are no text.  What a
 * value says is judged by the library when it is submitted; here, whether it is of its type. */
#ifndef TROMMEL_COMMAND_STREAM_PAGE_H
#define TROMMEL_COMMAND_STREAM_PAGE_H
#include <trommel/trommel.h>

#include "base/buf.h"
#include "base/err.h"

#define STREAM_ID_BYTES 4096u

struct stream_page {
    trommel_input input; /* borrows the frame, and what is below */
    const char *reason;  /* NULL, or what is wrong with the frame: bad_frame, bad_field */
    struct err why;      /* … for people, without the frame's number */
    /* its own */
    unsigned seen; /* keys, a bit each */
    struct buf id, headers, encoding;
};
void stream_page_init(struct stream_page *p);
void stream_page_release(struct stream_page *p);
/* Reads the n bytes, which must stay as long as *p is used.  0, or ERR_INVALID with reason and why; id and
 * url are then there if they could be read.  whole: they are all of the frame; else only its first bytes,
 * from which id and url are to be had, and `reason` stays NULL. */
int stream_page_read(struct stream_page *p, const void *data, size_t n, int whole);
#endif
