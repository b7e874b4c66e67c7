/* main: the program `trommel`: finds the subcommand and runs it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "command/command.h"

static const struct command *const commands[] = { &command_crawl,  &command_ctl, &command_extract,
                                                  &command_replay, &command_cat, &command_diff,
                                                  &command_stage };
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void help(FILE *f)
{
    fprintf(f, "usage: trommel COMMAND [OPTION]... [ARGUMENT]...\n\n"
               "Crawls, extracts and delivers web pages as msgpack records.\n\n");
    for (int i = 0; i < COMMANDS; i++)
        fprintf(f, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(f,
            "\n`trommel COMMAND --help` tells more.  Exit status: 0 all done, 1 some pages failed (they are\n"
            "listed), 2 wrong usage or configuration, 3 could not run.\n");
}

static const struct command *command_find(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (!strcmp(commands[i]->name, name))
            return commands[i];
    return NULL;
}

/* The command's own command that `word` names, or the command itself. */
static const struct command *command_part(const struct command *c, const char *word)
{
    for (int i = 0; word && c && c->parts && c->parts[i]; i++)
        if (!strcmp(c->parts[i]->name, word))
            return c->parts[i];
    return c;
}

/* A standard stream that is closed would be taken over by the next file opened, which then gets what was
 * meant for the stream.  What stands in for it can only be read, so that writing is told as an error. */
static int streams_hold(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return -1;
    return 0;
}

int main(int argc, char **argv)
{
    if (streams_hold() < 0)
        return 3;
    log_init("trommel", LOG_INFO);
    if (argc < 2) {
        help(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "version")) {
        printf("trommel %s\n", TROMMEL_VERSION);
        return 0;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        const struct command *about = argc > 2 ? command_find(argv[2]) : NULL;
        if (about)
            fputs(command_part(about, argc > 3 ? argv[3] : NULL)->usage, stdout);
        else
            help(stdout);
        return 0;
    }
    const struct command *c = command_find(argv[1]);
    if (!c) {
        log_error("%s: no such command; `trommel --help` lists them", argv[1]);
        return 2;
    }
    for (int i = 2; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            fputs(command_part(c, i > 2 ? argv[2] : NULL)->usage, stdout);
            return 0;
        }
    return c->run(argc - 1, argv + 1);
}
