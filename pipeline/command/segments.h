/* segments: the records of a folder of segments, one after the other in the order in which they were written.
 */
#ifndef TROMMEL_COMMAND_SEGMENTS_H
#define TROMMEL_COMMAND_SEGMENTS_H
#include "deliver/segment.h"

struct segments;
/* Lists the folder: what comes into it later is not read, but for what is added to the last segment.  NULL
 * with errno. */
struct segments *segments_open(const char *dir);
/* How many segments there are. */
size_t segments_count(const struct segments *s);
/* As segment_next; SEGMENT_END comes once, behind the last one.  FAILED is of one segment: the next call goes
 * on with the one behind it. */
enum segment_event segments_next(struct segments *s, struct segment_item *ret);
/* The file that the last event is of. */
const char *segments_path(const struct segments *s);
/* Is it compressed?  Its places are then not those of its records. */
int segments_is_zstd(const struct segments *s);
void segments_close(struct segments *s); /* NULL-safe */

/* Is this the name of a segment that is being written? */
int segment_is_open(const char *name);
/* Opens a segment for reading, also if it got its final name meanwhile (path is changed then).  -1 with
 * errno. */
int segment_file_open(char *path);
#endif
