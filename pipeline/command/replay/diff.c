/* diff: see diff.h.  `trommel diff` is this with records that are read (diff.c). */
#include "command/replay/diff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "command/diff.h"
#include "command/diff/report.h"
#include "record/record.h"

struct replay_diff {
    struct diff_run *run;
    const struct diff_args *args;
    char *new_name;
    FILE *html; /* NULL: none */
};

/* What is in it stays until there is a page to be written. */
static FILE *file_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

    if (fd >= 0 && !f)
        close(fd);
    return f;
}

int replay_diff_open(const char *old, const char *new_name, struct diff_args *args, struct replay_diff **ret,
                     struct err *err)
{
    struct replay_diff *d = calloc(1, sizeof *d);

    *ret = d;
    if (!d || !(d->new_name = strdup(new_name)))
        abort();
    diff_args_end(args);
    d->args = args;
    if (args->html && !(d->html = file_open(args->html)))
        return err_set(err, ERR_USAGE, "--html: %s: cannot be written: %s", args->html, strerror(errno));
    return diff_run_open(old, args, &d->run, err);
}

int replay_diff_record(struct replay_diff *d, trommel_str record, struct err *err)
{
    return diff_run_record(d->run, record, NULL, err);
}

int replay_diff_read(struct replay_diff *d, const char *path, struct err *err)
{
    return diff_run_read(d->run, path, err);
}

static int html_write(struct replay_diff *d, struct err *err)
{
    struct stat st;

    if (fstat(fileno(d->html), &st) == 0 && S_ISREG(st.st_mode) && ftruncate(fileno(d->html), 0) < 0)
        return err_set(err, ERR_IO, "%s: cannot be emptied: %s", d->args->html, strerror(errno));
    int rc = diff_report_html(d->run, d->new_name, d->html, err);
    int has_failed = ferror(d->html) != 0;

    has_failed |= fclose(d->html) != 0;
    d->html = NULL;
    if (rc == 0 && has_failed)
        rc = err_set(err, ERR_IO, "%s: cannot be written: %s", d->args->html, strerror(errno));
    return rc;
}

int replay_diff_end(struct replay_diff *d, int is_whole, struct err *err)
{
    int rc = 0;

    diff_run_end(d->run, is_whole);
    if (d->html)
        rc = html_write(d, err);
    if (rc == 0)
        rc = d->args->is_json ? diff_report_json(d->run, stdout, err)
                              : diff_report_text(d->run, d->new_name, stdout, err);
    if (rc == 0 && fflush(stdout) != 0)
        rc = err_set(err, ERR_IO, "standard output: cannot be written: %s", strerror(errno));
    if (rc < 0 || diff_run_damaged(d->run))
        return 3;
    struct diff_counts c = diff_run_counts(d->run);
    return c.changed || c.only_old || c.only_new;
}

void replay_diff_free(struct replay_diff *d)
{
    if (!d)
        return;
    if (d->html)
        fclose(d->html);
    diff_run_free(d->run);
    free(d->new_name);
    free(d);
}
