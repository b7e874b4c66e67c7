/* edit: a chain's configuration with one change made in it.
 *
 * Pure: nothing is opened, nothing is loaded; what is edited stays as it is and a new configuration is made.
 * People name stages by their ids; the configuration has files, and one file may hold several stages.  So the
 * caller says which stage lies in which item (the workers know it once they are READY).
 *
 * What was set stays with its stage when items move, goes with a stage that goes, and is not set twice:
 * a change of an option takes the place of what was set before it, so a thousand changes make no longer
 * list. */
#ifndef TROMMEL_CHAIN_EDIT_H
#define TROMMEL_CHAIN_EDIT_H
#include "chain/swap.h"

/* One stage of the chain that runs, in its order: its id, and the index of the item whose file it lies in. */
struct edit_stage {
    const char *id;
    size_t item;
};

/* All of it again; *ret is the caller's (chain_config_release), empty on error. */
int chain_config_copy(const struct chain_config *from, struct chain_config *ret, struct err *err);

/* Makes `change` (ADD, REMOVE, REPLACE, SET or REORDER; its file, ids and sets only) in a copy of `from`.
 *
 *   add      one item more, behind the file of the stage `after`, or at the end
 *   remove   the stage's item and all that was set for it; the last one may go
 *   replace  the stage's item is of another file.  What was set for its stages stays where the new ones have
 *            such an option (chain_set.soft), but for what `sets` gives anew
 *   set      options of the stage
 *   reorder  `ids` names every stage once
 *
 * A file holding several stages goes, comes and moves as a whole: to remove one of them, or to put
 * something between them, is an error that names the others; replacing one replaces the file.  `remove` and
 * `replace` take the file's name as well as an id ("./prices.so", "prices.so"), and remove then takes all
 * of its stages out.
 *
 * *ret_item: the item that was added or replaced, whose path the caller must find (it is NULL);
 * EDIT_NO_ITEM if there is none.  May be NULL.  *ret is empty on error. ERR_USAGE: the message names what
 * is wrong and what there is; ERR_LIMIT (stages, options), ERR_NOMEM. */
int edit_make(const struct chain_config *from, const struct edit_stage *stages, size_t n_stages,
              const struct swap_change *change, struct chain_config *ret, size_t *ret_item, struct err *err);
#define EDIT_NO_ITEM ((size_t)-1)
#endif
