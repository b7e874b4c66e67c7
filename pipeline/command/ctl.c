/* ctl: asks a crawl that runs and tells it things, over the control socket in its folder. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "command/command.h"
#include "command/ctl_args.h"
#include "command/ctl_print.h"
#include "control/client.h"
#include "control/control.h"

static const char usage[] =
    "usage: trommel ctl [--job DIR] [OPTION]... COMMAND\n"
    "\n"
    "Asks a crawl that is running, and tells it what to do.\n"
    "\n"
    "      --job DIR           the crawl's folder (trommel-job)\n"
    "      --json              print the answer as one line of JSON\n"
    "      --timeout SECONDS   how long to wait for the answer; 0 as long as it takes (120).  What was\n"
    "                          asked for goes on without you: `history` tells what became of it\n"
    "  -h, --help\n"
    "\n"
    "the crawl\n"
    "  status                  state, pages, rates, queue, sink, memory, workers, generation\n"
    "  pause                   take no more URLs; what is under way finishes.  A crawl that is started\n"
    "                          again is not paused\n"
    "  resume\n"
    "  stop [--grace SECONDS] [--wait]   as a termination signal does; the same crawl command goes on\n"
    "                          later.  --grace: for what is under way, instead of the crawl's own; a\n"
    "                          second stop may give less.  --wait: until the crawl has ended and its\n"
    "                          folder is free\n"
    "\n"
    "the chain; a change makes a new generation of workers, which takes the pages once it has proved itself\n"
    "  stages                  the stages that are live: versions, files, hashes, options\n"
    "  stage add FILE [--after ID] [--set OPTION=VALUE]...   at the end, or after that stage.  FILE: a\n"
    "                          shared object, or the name of a bundled stage\n"
    "  stage remove ID\n"
    "  stage replace ID FILE [--set OPTION=VALUE]...   its options stay set where the new one has them\n"
    "  stage set ID OPTION=VALUE...\n"
    "  reorder ID...           all of them, in the order wanted\n"
    "  reload [FILE]           the chain of this configuration file, or of the one that the crawl was\n"
    "                          started with\n"
    "  rollback                to the generation before\n"
    "  history                 what was changed, when, by whom, and what became of it\n"
    "  VALUE: one that begins with ./ or ../ is a path, seen from the current folder.\n"
    "\n"
    "options of changes\n"
    "      --wait              behind a change that is under way, instead of failing\n"
    "      --settle            wait for the end of the probation too; exit status 1 if it was rolled back\n"
    "      --keep FIELD[,FIELD]...   fields of a record (meta.title) which the golden pages must not\n"
    "                          lose or change; repeatable\n"
    "      --max-errors PERCENT   of the golden pages, that may fail and did not before (0)\n"
    "      --max-slower TIMES  CPU time of the golden pages, against the chain before (4)\n"
    "      --no-golden         do not try it on golden pages; at your own risk\n"
    "      --probation PAGES,SECONDS   how long it is watched, and rolled back if it does worse: until\n"
    "                          both are over (200,10)\n"
    "      --allow-network-stages   stages that need network or files may run outside the sandbox\n"
    "      --despite-block     take a file that was rolled back before, and was blocked\n"
    "\n"
    "shadow runs: a candidate beside the live chain, whose records are compared and thrown away\n"
    "  shadow FILE --sample PERCENT [--replace ID | --after ID] [--set OPTION=VALUE]...\n"
    "                          [--allow-network-stages]\n"
    "  shadow report           which fields are equal, differ, are missing or new; the worst pages\n"
    "  shadow stop\n"
    "\n"
    "Exit status: 0 done; 1 the crawl refused, could not do it, or rolled it back; 2 wrong usage; 3 no\n"
    "crawl is running there, or it does not answer.\n";

enum { DONE = 0, REFUSED = 1, WRONG = 2, NOBODY = 3 };

static void on_progress(void *arg, const char *text)
{
    if (isatty(STDERR_FILENO))
        log_info("%s", text);
}

static void json_line(const json_t *o)
{
    json_dumpf(o, stdout, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    fputc('\n', stdout);
}

/* There was no answer: in JSON that looks like a refusal. */
static int nobody(const struct ctl_args *a, const struct err *err)
{
    log_error("%s", err->text);
    if (a->json) {
        json_t *o = json_pack("{s:b,s:{s:s,s:o}}", "ok", 0, "error", "code", err_name(err->code), "text",
                              control_text(err->text));
        json_line(o);
        json_decref(o);
    }
    return NOBODY;
}

static int answered(const struct ctl_args *a, const json_t *answer)
{
    const json_t *error = json_object_get(answer, "error"), *result = json_object_get(answer, "result");
    const char *text = json_string_value(json_object_get(error, "text"));

    if (json_is_true(json_object_get(answer, "ok"))) {
        if (a->json)
            json_line(result);
        else
            ctl_print(stdout, a->cmd, result);
        return DONE;
    }
    log_error("%s", text ? text : "refused");
    if (a->json)
        json_line(answer);
    return REFUSED;
}

static int ctl(int argc, char **argv)
{
    struct ctl_args a;
    struct err err = { 0 };
    json_t *answer = NULL;

    if (ctl_args_read(argc, argv, &a, &err) < 0) {
        log_error("%s", err.text);
        return WRONG;
    }
    struct control_ask how = { .dir = a.job,
                               .timeout_ms = (uint64_t)(a.timeout_s * 1000),
                               .on_progress = on_progress };
    int rc = control_ask(&how, a.request, &answer, &err);
    int status = rc < 0 ? nobody(&a, &err) : answered(&a, answer);
    json_decref(answer);
    json_decref(a.request);
    if (fflush(stdout) != 0) {
        log_error("standard output: cannot write");
        return NOBODY;
    }
    return status;
}

const struct command command_ctl = {
    .name = "ctl",
    .summary = "ask a running crawl, change its chain, pause or stop it",
    .usage = usage,
    .run = ctl,
};
