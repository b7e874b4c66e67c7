/* stage: the parts of `trommel stage`, one file each, and what they share. */
#ifndef TROMMEL_COMMAND_STAGE_H
#define TROMMEL_COMMAND_STAGE_H
#include <jansson.h>

#include "base/err.h"
#include "command/command.h"

extern const struct command stage_new, stage_show, stage_run, stage_check;

/* The file that is meant, absolute, malloc'd: a path, or a bundled stage's name ("layout"). */
int stage_file(const char *named, char **ret, struct err *err);
/* As describe_file, for a stage that is to be run here: a sink is told to be one, and `exec`, whose program
 * only crawl and extract start. */
int stage_describe(const char *path, json_t **ret, struct err *err);
/* The exit status that goes with an error: 1 the file is not in order, 2 usage, 3 could not run. */
int stage_status(int code);
/* "option --x: …", said of what getopt_long stumbled over; returns ERR_USAGE. */
int stage_usage(int opt, char **argv, const char *part);
/* Adds to what a repeatable option gave; too many: says so, ERR_USAGE. */
int stage_list_add(const char **list, size_t *n, size_t max, const char *value, const char *option);
/* The most that --set and --with take. */
enum { STAGE_SETS_MAX = 256, STAGE_WITH_MAX = 32 };
#endif
