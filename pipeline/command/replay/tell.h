/* tell: what a replay of archives says while it runs and at its end. */
#ifndef TROMMEL_COMMAND_REPLAY_TELL_H
#define TROMMEL_COMMAND_REPLAY_TELL_H
#include <trommel/trommel.h>

#include "command/replay/feed.h"

struct replay_tell {
    int shows_progress, is_drawn;
    uint64_t started_ms, drawn_ms;
    uint64_t bytes_total; /* of all files; UINT64_MAX: not known */
    uint64_t outcomes[TROMMEL_OUT_QUARANTINED + 1];
    uint64_t n_files, n_listed, n_refused;
};
void replay_tell_begin(struct replay_tell *t, int shows_progress);
void replay_tell_end(struct replay_tell *t); /* clears the line */
void replay_tell_progress(struct replay_tell *t, struct replay_feed *feed);
/* A page that did not come out well, if not too many were named already. */
void replay_tell_page(struct replay_tell *t, const char *file, uint64_t offset, const trommel_result *r);
/* where: of the records; NULL: they went nowhere. */
void replay_tell_summary(const struct replay_tell *t, struct replay_feed *feed, const char *where);
#endif
