/* command: one subcommand, one file, one entry. */
#ifndef TROMMEL_COMMAND_COMMAND_H
#define TROMMEL_COMMAND_COMMAND_H

struct command {
    const char *name, *summary;
    const char *usage; /* what --help prints, whole */
    const struct command *const
        *parts; /* commands of its own (`trommel NAME PART`), NULL behind the last; or NULL */
    /* argv[0] is the subcommand.  Returns the exit status: 0 all done, 1 some pages failed (they are
     * listed), 2 usage or configuration, 3 could not run. */
    int (*run)(int argc, char **argv);
};

extern const struct command command_crawl, command_ctl, command_extract, command_replay, command_cat,
    command_diff, command_stage;
#endif
