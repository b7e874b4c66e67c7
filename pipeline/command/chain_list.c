/* chain_list: see chain_list.h. */
#include "command/chain_list.h"

#include <string.h>

int chain_list_read(struct chain_list *l, const char *text, struct err *err)
{
    char *end;

    l->n = 0;
    if (strlen(text) >= sizeof l->text)
        return err_set(err, ERR_USAGE,
                       "--chain: longer than %d bytes; write the chain into a file and name it with -c",
                       CHAIN_LIST_BYTES);
    strcpy(l->text, text);
    if (!strcmp(text, "default"))
        return 0;
    for (char *at = l->text; at; at = end ? end + 1 : NULL) {
        end = strchr(at, ',');
        if (end)
            *end = 0;
        if (!*at || l->n == LIMIT_STAGES)
            return err_set(err, ERR_USAGE,
                           "--chain %s: write none, default, or at most %u stages parted by commas", text,
                           LIMIT_STAGES);
        l->refs[l->n++] = (trommel_stage_ref){ .struct_size = sizeof l->refs[0], .stage = at };
    }
    return 0;
}

void chain_list_set(const struct chain_list *l, trommel_options *opt)
{
    opt->config = NULL;
    opt->chain = l->n ? l->refs : NULL;
    opt->n_chain = l->n;
}
