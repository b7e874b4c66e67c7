/* diff: what `trommel replay --diff OLD` does with the records it makes: it compares them with those
 * of OLD (all that `trommel diff` takes) and reports, instead of delivering them or beside it.
 *
 *     struct diff_args args;           diff_args_init, then diff_option_set for each option that
 *                                      diff_option_is says is one of the comparison's (diff/args.h)
 *     replay_diff_open(old, …)         reads OLD; said before the first page is begun
 *     replay_diff_record(d, record)    for each record, in any order, by one thread at a time
 *     replay_diff_end(d, is_whole, …)  prints the report on standard output, writes the page
 */
#ifndef TROMMEL_COMMAND_REPLAY_DIFF_H
#define TROMMEL_COMMAND_REPLAY_DIFF_H
#include <trommel/stage.h>

#include "base/err.h"
#include "command/diff/args.h"

struct replay_diff;
/* new_name: how the report calls what is replayed.  args is borrowed until the end.  0; ERR_USAGE: OLD cannot
 * be read, or the page's file not be made; ERR_IO. */
int replay_diff_open(const char *old, const char *new_name, struct diff_args *args, struct replay_diff **ret,
                     struct err *err);
/* A record as the chain made it; borrowed during the call.  0; ERR_IO: nothing more can be compared. */
int replay_diff_record(struct replay_diff *d, trommel_str record, struct err *err);
/* is_whole: all was replayed, so that what of OLD did not come is only there.  Reports.  Returns the exit
 * status: 0 nothing changed, 1 something did, 3 it could not be compared or reported as a whole (*err has the
 * reason, or it was said). */
int replay_diff_end(struct replay_diff *d, int is_whole, struct err *err);
/* Frees it, also without an end.  NULL-safe. */
void replay_diff_free(struct replay_diff *d);
#endif
