/* files: which archives a replay reads: those named, those in folders named, and with --follow those
 * that come into a folder.
 *
 * A folder's archives are the files in it whose names end as archives' do (.warc .warc.gz .warc.zst .arc
 * .arc.gz), in the order of their names; folders below it are gone into.  A file of a folder that is followed
 * is taken when whoever writes it has closed it or given it its name: one that some process has open for
 * writing waits for that; names that end in .open, or begin with a dot, wait to be renamed.  Folders below
 * are not followed. */
#ifndef TROMMEL_COMMAND_REPLAY_FILES_H
#define TROMMEL_COMMAND_REPLAY_FILES_H
#include "base/err.h"

typedef int (*replay_file_fn)(void *arg, const char *path, struct err *err);

/* Calls fn for each archive; a path that is not there, or a folder without archives, is ERR_USAGE.  0 or the
 * first error. */
int replay_files_list(char *const *paths, size_t n, replay_file_fn fn, void *arg, struct err *err);

struct replay_follow;
int replay_follow_open(const char *dir, struct replay_follow **ret, struct err *err);
void replay_follow_close(struct replay_follow *f);   /* NULL-safe */
int replay_follow_fd(const struct replay_follow *f); /* readable: call replay_follow_read */
/* Calls fn for each archive that is there and finished, or has been finished since the last call. */
int replay_follow_read(struct replay_follow *f, replay_file_fn fn, void *arg, struct err *err);
#endif
