/* chain_list: the option --chain: "none", "default", or stages parted by commas, as libtrommel takes a chain.
 */
#ifndef TROMMEL_COMMAND_CHAIN_LIST_H
#define TROMMEL_COMMAND_CHAIN_LIST_H
#include <trommel/trommel.h>

#include "base/err.h"
#include "base/limits.h"

enum { CHAIN_LIST_BYTES = 8192 };

struct chain_list {
    char text[CHAIN_LIST_BYTES]; /* the names */
    trommel_stage_ref refs[LIMIT_STAGES];
    size_t n; /* 0: the default chain */
};
/* 0 or ERR_USAGE. */
int chain_list_read(struct chain_list *l, const char *text, struct err *err);
/* Instead of what a configuration file says.  Borrows l. */
void chain_list_set(const struct chain_list *l, trommel_options *opt);
#endif
