/* extract_args: the options of `trommel extract`, as rows of a table, and what they must be together. */
#ifndef TROMMEL_COMMAND_EXTRACT_ARGS_H
#define TROMMEL_COMMAND_EXTRACT_ARGS_H
#include <trommel/trommel.h>

#include "base/err.h"
#include "command/chain_list.h"
#include "command/window.h"

struct extract_args {
    const char *url, *type, *manifest, *config, *chain, *out, *user_agent;
    enum window_format format;
    uint32_t workers, page_ms, stage_ms;
    uint64_t worker_bytes;
    int allow_private, insecure, no_progress, verbose, network_stages, stream, ordered, format_said;
    const char **sets, **pages;
    size_t n_sets, n_pages;
    struct chain_list list; /* of `chain` */
};

/* Reads argv[1] and on into *a, whose `sets` and `pages` have room for argc each.  0, or ERR_USAGE with the
 * option, what was wrong and the mend. */
int extract_arguments(struct extract_args *a, int argc, char **argv, struct err *err);
extern const char extract_usage[];

/* ---- what the forms of extract share ---- */

/* The pipeline that the arguments ask for; borrows them.  Callbacks and order are the caller's to set. */
trommel_options extract_options(const struct extract_args *a);
int extract_is_usage(int rc); /* is it an error of usage or configuration? */
/* ERR_IO: it is closed (main() puts a stream that can only be read in the place of a closed standard output).
 */
int extract_stdout_check(struct err *err);
#endif
