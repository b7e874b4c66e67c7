/* ctl_args: the command line of `trommel ctl`, as the request that it stands for. */
#ifndef TROMMEL_COMMAND_CTL_ARGS_H
#define TROMMEL_COMMAND_CTL_ARGS_H
#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

struct ctl_args {
    const char *job, *cmd; /* the folder; "stage.add": both borrowed */
    int json, wait;
    double timeout_s; /* 0: as long as it takes */
    json_t *request;  /* owned */
};
/* argv[0] is "ctl".  ERR_USAGE: the message says what is wrong and the mend; nothing is to be released then.
 */
int ctl_args_read(int argc, char **argv, struct ctl_args *ret, struct err *err);
#endif
