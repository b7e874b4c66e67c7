/* origin: where in the archives read so far a payload lies, for revisit records, which have none of
 * their own.  Known by the payload's digest and by the record's id; 48 bytes a response, at most ORIGIN_MOST.
 */
#ifndef TROMMEL_COMMAND_REPLAY_ORIGIN_H
#define TROMMEL_COMMAND_REPLAY_ORIGIN_H
#include "warc/http.h"
#include "warc/read.h"

#define ORIGIN_MOST (4u << 20) /* entries */

struct replay_origin;
struct replay_origin *replay_origin_new(void);
void replay_origin_free(struct replay_origin *o); /* NULL-safe */
/* path: borrowed as long as o lives. */
void replay_origin_add(struct replay_origin *o, const char *path, const struct warc_record *r);
/* The body of what `revisit` refers to, without its transfer coding; borrowed until the next call.
 * ERR_ABSENT. */
int replay_origin_find(struct replay_origin *o, const struct warc_head *revisit, trommel_str *ret_body);
#endif
