/* diff: what `trommel diff` adds to replay/diff.h: records that are read from where they lie. */
#ifndef TROMMEL_COMMAND_DIFF_H
#define TROMMEL_COMMAND_DIFF_H
#include "command/replay/diff.h"

/* As diff_run_read (diff/run.h). */
int replay_diff_read(struct replay_diff *d, const char *path, struct err *err);
#endif
