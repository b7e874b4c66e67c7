/* stage new: makes the folder of a new stage: source, Makefile, test, and the headers it is built with.
 *
 * All of it lies within this program (kit.h).  Nothing that exists is written over: the folder must be new.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "command/kit.h"
#include "command/stage.h"

static const char usage[] =
    "usage: trommel stage new NAME [--cxx] [--dir D]\n"
    "\n"
    "Makes the folder of a new stage that builds and passes its test as it is: source, Makefile, a page "
    "with\n"
    "what the stage must put for it, and the headers.  Nothing need be installed to build it.\n"
    "\n"
    "NAME is the stage's id, 1 to 64 of a-z 0-9 . -; reverse DNS for one that is to be published\n"
    "(org.example.price), a short name for one's own (price).  Folder and file are named after its last "
    "part.\n"
    "\n"
    "      --cxx               in C++20 instead of C\n"
    "      --dir D             makes the folder in D (the current folder)\n"
    "  -h, --help\n"
    "\n"
    "    trommel stage new hello && make -C hello && trommel stage check hello/hello.so\n"
    "\n"
    "Exit status: 0 it is there, 1 a file of that name was there, 2 wrong usage, 3 it could not be "
    "written.\n";

enum { NAME_MAX_BYTES = 64 };
#define FILE_MAX_BYTES (1u * MIB)

struct fresh {
    const char *id, *name; /* name: the last part of the id */
    const char *in;        /* where the folder is made */
    int cxx;
    char folder[4096];
    struct err err;
};

/* ---- one file ---- */

static int starts_with(const char *s, const char *what)
{
    return !strncmp(s, what, strlen(what));
}

static const char *word_value(const struct fresh *f, const char *at, size_t *n)
{
    const struct {
        const char *word, *value;
    } words[] = {
        { "@ID@", f->id },
        { "@NAME@", f->name },
        { "@SUFFIX@", f->cxx ? "cc" : "c" },
        { "@LANGUAGE@", f->cxx ? "C++20" : "C" },
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (starts_with(at, words[i].word)) {
            *n = strlen(words[i].word);
            return words[i].value;
        }
    return NULL;
}

/* from..end with every @WORD@ in it replaced.  The text is NUL-terminated behind its end. */
static void fill_in(const struct fresh *f, const char *from, const char *end, struct buf *out)
{
    while (from < end) {
        const char *at = memchr(from, '@', (size_t)(end - from)), *value;
        size_t n = 1;
        buf_add(out, from, (size_t)((at ? at : end) - from));
        if (!at)
            return;
        value = word_value(f, at, &n);
        if (value)
            buf_add_str(out, value);
        else
            buf_add_byte(out, '@');
        from = at + n;
    }
}

static int wrong(struct fresh *f, const char *path)
{
    return err_set(&f->err, errno == EEXIST ? ERR_EXISTS : ERR_IO, "%s: cannot be made: %s", path,
                   strerror(errno));
}

/* Makes the folders on the way to a file in f->folder. */
static int folders_make(struct fresh *f, char *path)
{
    for (char *slash = path + strlen(f->folder) + 1; (slash = strchr(slash, '/')); slash++) {
        int rc;
        *slash = 0;
        rc = mkdir(path, 0777) && errno != EEXIST ? wrong(f, path) : 0;
        *slash = '/';
        if (rc)
            return rc;
    }
    return 0;
}

static int file_write(struct fresh *f, const char *path, const struct buf *text, int executable)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, executable ? 0777 : 0666);
    size_t done = 0;
    ssize_t n = 0;

    if (fd < 0)
        return wrong(f, path);
    while (done < text->len && (n = write(fd, text->data + done, text->len - done)) > 0)
        done += (size_t)n;
    if (close(fd) || done < text->len)
        return wrong(f, path);
    return 0;
}

static int is_script(const char *path)
{
    size_t n = strlen(path);

    return n > 3 && !strcmp(path + n - 3, ".sh");
}

/* `as`: its path in the new folder.  Templates are filled in, headers are written as they are. */
static int kit_write(struct fresh *f, const struct kit_file *k, const char *as, int is_template)
{
    struct buf path = BUF_INIT(sizeof f->folder + 1024), text = BUF_INIT(FILE_MAX_BYTES);
    int rc;

    buf_printf(&path, "%s/", f->folder);
    fill_in(f, as, as + strlen(as), &path);
    if (is_template)
        fill_in(f, k->from, k->end, &text);
    else
        buf_add(&text, k->from, (size_t)(k->end - k->from));
    rc = path.err || text.err ? err_set(&f->err, ERR_LIMIT, "%s: too long", as) : 0;
    buf_cstr(&path);
    rc = rc ? rc : folders_make(f, (char *)path.data);
    rc = rc ? rc : file_write(f, (const char *)path.data, &text, is_script(as));
    buf_release(&path);
    buf_release(&text);
    return rc;
}

/* ---- all of them ---- */

static int folder_write(struct fresh *f)
{
    const char *language = f->cxx ? "cxx/" : "c/";
    int rc = 0;

    for (const struct kit_file *k = kit_files; !rc && k->path; k++) {
        if (starts_with(k->path, "include/"))
            rc = kit_write(f, k, k->path, 0);
        else if (starts_with(k->path, "both/") || starts_with(k->path, language))
            rc = kit_write(f, k, strchr(k->path, '/') + 1, 1);
    }
    return rc;
}

static int name_check(struct fresh *f)
{
    const char *last = strrchr(f->id, '.');
    size_t n = strlen(f->id);

    f->name = last ? last + 1 : f->id;
    if (!n || n > NAME_MAX_BYTES || n != strspn(f->id, "abcdefghijklmnopqrstuvwxyz0123456789.-") ||
        f->id[0] == '.' || !*f->name || f->name[0] == '-' || strstr(f->id, ".."))
        return err_set(
            &f->err, ERR_USAGE,
            "%.100s: is no id for a stage: write 1 to %d of a-z 0-9 . -, as in price or org.example.price",
            f->id, NAME_MAX_BYTES);
    return 0;
}

static int folder_make(struct fresh *f)
{
    struct stat st;
    int n = snprintf(f->folder, sizeof f->folder, "%s%s%s", f->in ? f->in : "", f->in ? "/" : "", f->name);

    if (n >= (int)sizeof f->folder - 1024)
        return err_set(&f->err, ERR_USAGE, "--dir: is too long");
    if (f->in && (stat(f->in, &st) || !S_ISDIR(st.st_mode)))
        return err_set(&f->err, ERR_USAGE, "--dir %s: is no folder; make it first", f->in);
    if (mkdir(f->folder, 0777))
        return errno == EEXIST ? err_set(&f->err, ERR_EXISTS,
                                         "%s: is there already, and nothing is written over: name the stage "
                                         "otherwise, or move that away",
                                         f->folder)
                               : wrong(f, f->folder);
    return 0;
}

static int args_parse(struct fresh *f, int argc, char **argv)
{
    static const struct option longs[] = {
        { "cxx", no_argument, NULL, 'c' },
        { "dir", required_argument, NULL, 'd' },
        { 0 },
    };
    int opt;

    opterr = 0;
    optind = 0;
    while ((opt = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
        if (opt == 'c')
            f->cxx = 1;
        else if (opt == 'd')
            f->in = optarg;
        else
            return stage_usage(opt, argv, "new");
    }
    if (argc - optind != 1) {
        log_error("stage new: give one NAME, the new stage's id");
        return ERR_USAGE;
    }
    f->id = argv[optind];
    return 0;
}

static int run(int argc, char **argv)
{
    static struct fresh f;
    int rc;

    if (args_parse(&f, argc, argv))
        return 2;
    rc = name_check(&f);
    rc = rc ? rc : folder_make(&f);
    rc = rc ? rc : folder_write(&f);
    if (rc) {
        log_error("%s", f.err.text);
        return rc == ERR_EXISTS ? 1 : stage_status(rc);
    }
    log_info("%s/: made; `make -C %s` builds %s.so, `make -C %s check` tries it", f.folder, f.folder, f.name,
             f.folder);
    return 0;
}

const struct command stage_new = {
    .name = "new",
    .summary = "makes the folder of a new stage",
    .usage = usage,
    .run = run,
};
