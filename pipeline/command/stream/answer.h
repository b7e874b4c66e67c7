/* answer: what is said about a frame that gave no record, and the short answer where records go to a
 * sink. */
#ifndef TROMMEL_COMMAND_STREAM_ANSWER_H
#define TROMMEL_COMMAND_STREAM_ANSWER_H
#include "base/buf.h"
#include "command/stream/page.h"

/* The record of a frame that never reached the chain: outcome `failed`, error {stage "stream", reason,
 * message}; with the id, the URL and the status if the frame says them. */
void answer_error(struct buf *b, const struct stream_page *p, uint64_t frame, const char *reason,
                  const char *message);
/* Of a record, `id`, `url`, `outcome` and, if it is there, `error`: one map. */
void answer_short(struct buf *b, trommel_str record);
#endif
