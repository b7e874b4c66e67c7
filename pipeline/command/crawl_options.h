/* crawl_options: the options of a job, for the commands that work on one: rows of a table in crawl.c, which
 * the command line and the configuration file share. */
#ifndef TROMMEL_COMMAND_CRAWL_OPTIONS_H
#define TROMMEL_COMMAND_CRAWL_OPTIONS_H
#include "job.h"

struct fy_document;

struct job_options crawl_options_default(void);
/* One option by its long name without the dashes.  text: NULL for a flag, else borrowed.  ERR_ABSENT: there
 * is none of that name; ERR_USAGE with a message. */
int crawl_option_set(const char *name, size_t n, const char *text, struct job_options *opt, struct err *err);
/* All options of a configuration file but the chain; *doc owns their strings, also after an error. */
int crawl_config_read(const char *path, struct job_options *opt, struct fy_document **doc, struct err *err);
#endif
