/* write: see write.h. */
#include "warc/write.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "warc/cdxj.h"
#include "warc/recover.h"

#define MEND "free space there and run the same command again"
enum { PATH_BYTES = 4400, NAME_BYTES = 200, LINES_BYTES = 64 * 1024 * 1024, NAMES_TRIED = 100 };

struct warc_writer {
    struct warc_write_options opt;
    struct warc_tool *tool;          /* for warcinfo */
    char host[65], name[NAME_BYTES]; /* name: of the file that is written, as it will be; "" none */
    int fd, index_fd;
    uint64_t begun, end; /* behind the warcinfo record; of what is written */
    uint64_t safe;       /* … and on disk */
    unsigned serial;
    int failed;
    struct buf lines; /* of the index, not written yet */
    struct warc_counts counts;
};

static void path_in(char out[PATH_BYTES], const char *dir, const char *name, const char *end)
{
    snprintf(out, PATH_BYTES, "%s/%s%s", dir, name, end);
}

static int failed_at(struct err *err, const char *dir, const char *name, const char *what)
{
    int code = errno;

    return err_set(err, ERR_IO, "%s%s%s: cannot %s (%s); " MEND, dir, *name ? "/" : "", name, what,
                   strerror(code));
}

static int write_all(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;

    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0) {
            errno = k ? errno : ENOSPC;
            return ERR_IO;
        }
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

static int dir_sync(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0)
        close(fd);
    return rc;
}

int warc_folder_lock(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    while (fd >= 0 && flock(fd, LOCK_EX) < 0)
        if (errno != EINTR) {
            close(fd);
            return -1;
        }
    return fd;
}

/* ---- a file's end ---- */

int warc_file_finish(const char *dir, const char *name, struct err *err)
{
    char open_path[PATH_BYTES], path[PATH_BYTES], lines[PATH_BYTES], index[PATH_BYTES];

    path_in(open_path, dir, name, ".open");
    path_in(path, dir, name, "");
    path_in(lines, dir, name, ".cdxj.open");
    path_in(index, dir, name, ".cdxj");
    int rc = cdxj_sort(lines, index, err);
    if (rc < 0)
        return rc;
    if (rename(open_path, path) < 0 || dir_sync(dir) < 0)
        return failed_at(err, dir, name, "rename");
    unlink(lines);
    return 0;
}

static void files_close(struct warc_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    if (w->index_fd >= 0)
        close(w->index_fd);
    w->fd = w->index_fd = -1;
}

static int lines_flush(struct warc_writer *w, struct err *err)
{
    if (write_all(w->index_fd, w->lines.data, w->lines.len) < 0)
        return failed_at(err, w->opt.dir, w->name, "write its index");
    buf_clear(&w->lines);
    return 0;
}

/* All that was written is on disk. */
static int file_sync(struct warc_writer *w, struct err *err)
{
    if (w->fd < 0 || w->safe == w->end)
        return 0;
    if (fdatasync(w->fd) < 0)
        return failed_at(err, w->opt.dir, w->name, "write");
    w->safe = w->end;
    return lines_flush(w, err);
}

static int file_end(struct warc_writer *w, struct err *err)
{
    if (w->fd < 0)
        return 0;
    int rc = file_sync(w, err);
    if (rc < 0)
        return rc;
    rc = warc_file_finish(w->opt.dir, w->name, err);
    files_close(w);
    w->name[0] = 0;
    return rc;
}

/* ---- a file's beginning ---- */

static void name_make(struct warc_writer *w, int64_t now_ms)
{
    time_t s = (time_t)(now_ms / 1000);
    struct tm tm;

    gmtime_r(&s, &tm);
    snprintf(w->name, sizeof w->name, "%.64s-%04d%02d%02d%02d%02d%02d%03d-%05u-%s%s", w->opt.prefix,
             tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
             (int)(now_ms % 1000), w->serial++ % 100000, w->host, warc_coding_ends[w->opt.coding]);
}

/* Makes the file, under a name that is free.  Its lock says that it is being written; while the folder is
 * locked nobody sees it without. */
static int file_make(struct warc_writer *w, int64_t now_ms)
{
    char path[PATH_BYTES], closed[PATH_BYTES];
    int folder = warc_folder_lock(w->opt.dir);

    for (int try = 0; folder >= 0 && w->fd < 0 && try < NAMES_TRIED; try++) {
        name_make(w, now_ms);
        path_in(closed, w->opt.dir, w->name, "");
        path_in(path, w->opt.dir, w->name, ".open");
        errno = EEXIST;
        if (access(closed, F_OK) < 0)
            w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (w->fd < 0 && errno != EEXIST)
            break;
    }
    int rc = w->fd < 0 || flock(w->fd, LOCK_EX | LOCK_NB) < 0 || fsync(folder) < 0 ? ERR_IO : 0;
    int code = errno;
    if (folder >= 0)
        close(folder);
    errno = code;
    return rc;
}

/* Opens the file and what becomes its index. */
static int files_open(struct warc_writer *w, int64_t now_ms, struct err *err)
{
    char lines[PATH_BYTES];

    if (file_make(w, now_ms) < 0)
        return failed_at(err, w->opt.dir, w->name, "make");
    path_in(lines, w->opt.dir, w->name, ".cdxj.open");
    w->index_fd = open(lines, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    if (w->index_fd < 0)
        return failed_at(err, w->opt.dir, w->name, "make its index");
    return 0;
}

static int file_begin(struct warc_writer *w, struct err *err)
{
    int64_t now_ms = clock_wall_ms();
    struct buf member = BUF_INIT(1024 * 1024);

    w->begun = w->end = w->safe = 0;
    int rc = files_open(w, now_ms, err);
    if (rc < 0)
        return rc;
    warc_build_info(&w->opt.about, w->name, now_ms, warc_tool_plain(w->tool));
    rc = warc_tool_add(w->tool, &member);
    if (rc < 0)
        err_set(err, rc, "%s/%s: its warcinfo record cannot be made: %s", w->opt.dir, w->name, err_text(rc));
    else if (write_all(w->fd, member.data, member.len) < 0)
        rc = failed_at(err, w->opt.dir, w->name, "write");
    w->begun = w->end = member.len;
    w->counts.files++;
    w->counts.bytes += member.len;
    buf_release(&member);
    return rc;
}

/* ---- appending ---- */

static int pack_write(struct warc_writer *w, struct warc_pack *p, struct err *err)
{
    int rc = 0;

    if (w->fd >= 0 && w->end > w->begun && p->bytes.len > w->opt.size_max - w->end)
        rc = file_end(w, err);
    if (rc == 0 && w->fd < 0)
        rc = file_begin(w, err);
    if (rc < 0)
        return rc;
    if (write_all(w->fd, p->bytes.data, p->bytes.len) < 0)
        return failed_at(err, w->opt.dir, w->name, "write");
    p->offset = w->end;
    snprintf(p->file, sizeof p->file, "%s", w->name);
    buf_add(&w->lines, p->line.data, p->line.len);
    if (cdxj_end(&w->lines, p->length, p->offset, w->name) < 0)
        return err_set(err, w->lines.err, "%s/%s: its index: %s", w->opt.dir, w->name,
                       err_text(w->lines.err));
    w->end += p->bytes.len;
    w->counts.bytes += p->bytes.len;
    if (w->end >= w->opt.size_max)
        rc = file_end(w, err);
    return rc;
}

/* What is on disk is what was promised; the rest must not stay where a reader finds it. */
static void file_cut(struct warc_writer *w)
{
    w->failed = 1;
    if (w->fd >= 0 && ftruncate(w->fd, (off_t)w->safe) < 0)
        return; /* recovery cuts it */
}

/* They are on disk: they may be referred to from now on. */
static void packs_remember(struct warc_writer *w, struct warc_pack *const *packs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct warc_refers r = { .date_ms = packs[i]->date_ms, .url = packs[i]->url };
        w->counts.captures++;
        w->counts.revisits += (uint64_t)packs[i]->revisit;
        memcpy(r.uuid, packs[i]->uuid, sizeof r.uuid);
        memcpy(r.digest, packs[i]->digest, sizeof r.digest);
        if (w->opt.known && packs[i]->remember)
            revisit_add(w->opt.known, packs[i]->key, &r);
    }
    if (w->opt.known)
        revisit_sync(w->opt.known); /* what is lost makes one more full copy */
}

int warc_append(struct warc_writer *w, struct warc_pack *const *packs, size_t n, struct err *err)
{
    int rc =
        w->failed ? err_set(err, ERR_CLOSED, "%s: nothing more is written after an error", w->opt.dir) : 0;

    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = pack_write(w, packs[i], err);
    if (rc == 0)
        rc = file_sync(w, err);
    if (rc < 0)
        file_cut(w);
    else
        packs_remember(w, packs, n);
    return rc;
}

struct warc_counts warc_writer_counts(const struct warc_writer *w)
{
    return w->counts;
}

/* ---- opening and closing ---- */

static void host_name(char out[65])
{
    if (gethostname(out, 64) < 0 || !*out)
        strcpy(out, "localhost");
    out[64] = 0;
    for (char *s = out; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '.' && *s != '_')
            *s = '_';
}

static int prefix_check(const char *prefix, struct err *err)
{
    for (const char *s = prefix; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("._-", *s))
            return err_set(err, ERR_USAGE,
                           "--warc-prefix: \"%.80s\" must be letters, digits, '.', '_' and '-'", prefix);
    if (!*prefix || *prefix == '.' || strlen(prefix) > 64)
        return err_set(err, ERR_USAGE,
                       "--warc-prefix: \"%.80s\" must have 1 to 64 characters and begin with no '.'", prefix);
    return 0;
}

static int folder_make(const char *dir, struct err *err)
{
    struct stat st;

    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return err_set(err, ERR_IO,
                       "%s: cannot make the folder for WARC files: %s; name another with --warc=DIR", dir,
                       strerror(errno));
    if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_set(err, ERR_USAGE,
                       "%s: is a file, not a folder for WARC files; name another with --warc=DIR", dir);
    if (access(dir, W_OK | X_OK) < 0)
        return err_set(err, ERR_IO, "%s: cannot be written to (%s); name another folder with --warc=DIR", dir,
                       strerror(errno));
    return 0;
}

int warc_writer_open(const struct warc_write_options *opt, struct warc_writer **ret, struct err *err)
{
    int rc = prefix_check(opt->prefix, err);

    rc = rc < 0 ? rc : folder_make(opt->dir, err);
    rc = rc < 0 ? rc : warc_recover(opt->dir, opt->prefix, err);
    if (rc < 0)
        return rc;
    struct warc_writer *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->opt = *opt;
    w->fd = w->index_fd = -1;
    w->tool = warc_tool_new(opt->coding);
    buf_init(&w->lines, LINES_BYTES);
    host_name(w->host);
    if (!w->opt.about.host)
        w->opt.about.host = w->host;
    *ret = w;
    return 0;
}

int warc_writer_close(struct warc_writer *w, struct err *err)
{
    int rc = w->failed ? 0 : file_end(w, err);

    files_close(w);
    warc_tool_free(w->tool);
    buf_release(&w->lines);
    free(w);
    return rc;
}
