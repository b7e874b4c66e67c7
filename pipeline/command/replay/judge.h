/* judge: is a record of an archive a page, and what is said of it in its record?  For the feed's
 * thread. */
#ifndef TROMMEL_COMMAND_REPLAY_JUDGE_H
#define TROMMEL_COMMAND_REPLAY_JUDGE_H
#include "command/replay/feed.h"

enum judged {
    JUDGED_PAGE,
    JUDGED_REVISIT, /* a page, if its payload can be found */
    JUDGED_NONE,    /* no page; *ret_count says why */
    JUDGED_WET,     /* the file is one of Common Crawl's without pages */
    JUDGED_WAT,
};
/* By the head alone: is it worth keeping?  had_pages: a response came before it in the file. */
enum judged judge_head(const struct warc_record *r, int had_pages, enum feed_count *ret_count);
/* The kept record of item->record: its HTTP message and what goes with it.  JUDGED_PAGE or JUDGED_NONE. */
enum judged judge_item(struct feed_item *item, const char *job, enum feed_count *ret_count);
#endif
