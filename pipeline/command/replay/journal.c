/* journal: see journal.h.
 *
 * The file is text, a line an entry:
 *     F NUMBER SIZE HEAD TAIL DEV INO     an archive; hashes in hex
 *     D NUMBER OFFSET INNER KEY FIRST N   its Nth record is done
 *     E NUMBER                            all are
 * A torn last line is cut off. */
#include "command/replay/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/log.h"

enum { LINE_MOST = 256, FILES_MOST = 10000000, LINES_MOST = 1000000 /* more are made short again */ };

struct replay_journal {
    char *path;
    int fd, lock;
    struct journal_file **files;
    size_t n, cap, lines; /* lines: since it was short */
};

static int broken(const struct replay_journal *j, struct err *err)
{
    return err_set(err, ERR_IO, "%s: cannot be written: %s; free space there and run the same command again",
                   j->path, strerror(errno));
}

static struct journal_file *file_add(struct replay_journal *j)
{
    if (j->n == j->cap) {
        j->cap = j->cap ? 2 * j->cap : 64;
        j->files = realloc(j->files, j->cap * sizeof *j->files);
    }
    struct journal_file *f = calloc(1, sizeof *f);
    if (!j->files || !f)
        abort();
    f->number = (unsigned)j->n;
    j->files[j->n++] = f;
    return f;
}

/* ---- reading ---- */

static void line_read(struct replay_journal *j, const char *line)
{
    struct journal_file f = { 0 };

    if (sscanf(line, "F %u %" SCNu64 " %" SCNx64 " %" SCNx64 " %" SCNu64 " %" SCNu64, &f.number, &f.size,
               &f.head, &f.tail, &f.dev, &f.ino) == 6) {
        if (f.number == j->n && j->n < FILES_MOST) {
            *file_add(j) = f;
        } else if (f.number < j->n) { /* it has grown */
            j->files[f.number]->size = f.size;
            j->files[f.number]->tail = f.tail;
            j->files[f.number]->is_ended = 0;
        }
    } else if (sscanf(line, "D %u %" SCNu64 " %" SCNu64 " %" SCNx64 " %" SCNx64 " %" SCNu64, &f.number,
                      &f.last.offset, &f.last.inner, &f.key, &f.first_key, &f.records) == 6 &&
               f.number < j->n) {
        j->files[f.number]->last = f.last;
        j->files[f.number]->key = f.key;
        j->files[f.number]->first_key = f.first_key;
        j->files[f.number]->records = f.records;
    } else if (sscanf(line, "E %u", &f.number) == 1 && f.number < j->n) {
        j->files[f.number]->is_ended = 1;
    }
}

static void all_read(struct replay_journal *j, FILE *in)
{
    char line[LINE_MOST];

    while (fgets(line, sizeof line, in))
        if (strchr(line, '\n')) /* else torn */
            line_read(j, line);
}

/* ---- writing ---- */

static int line_file(char *line, const struct journal_file *f)
{
    return snprintf(line, LINE_MOST,
                    "F %u %" PRIu64 " %016" PRIx64 " %016" PRIx64 " %" PRIu64 " %" PRIu64 "\n", f->number,
                    f->size, f->head, f->tail, f->dev, f->ino);
}

static int line_done(char *line, const struct journal_file *f)
{
    return snprintf(line, LINE_MOST,
                    "D %u %" PRIu64 " %" PRIu64 " %016" PRIx64 " %016" PRIx64 " %" PRIu64 "\n", f->number,
                    f->last.offset, f->last.inner, f->key, f->first_key, f->records);
}

static int line_end(char *line, const struct journal_file *f)
{
    return snprintf(line, LINE_MOST, "E %u\n", f->number);
}

static int all_write(struct replay_journal *j, FILE *out)
{
    char line[LINE_MOST];

    for (size_t i = 0; i < j->n; i++) {
        const struct journal_file *f = j->files[i];
        line_file(line, f);
        fputs(line, out);
        line_done(line, f);
        if (f->records)
            fputs(line, out);
        line_end(line, f);
        if (f->is_ended)
            fputs(line, out);
    }
    return fflush(out) || ferror(out) || fsync(fileno(out)) ? ERR_IO : 0;
}

/* The short form takes the place of the long one at once. */
static int rewrite(struct replay_journal *j, struct err *err)
{
    char fresh[4200];

    snprintf(fresh, sizeof fresh, "%.4100s.new", j->path);
    FILE *out = fopen(fresh, "we");
    int rc = out ? all_write(j, out) : ERR_IO;

    if (out && fclose(out))
        rc = ERR_IO;
    if (rc < 0 || rename(fresh, j->path))
        return broken(j, err);
    if (j->fd >= 0)
        close(j->fd);
    j->lines = 0;
    j->fd = open(j->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    return j->fd < 0 ? broken(j, err) : 0;
}

/* One write a line: a kill leaves all of it or none, or what reading drops. */
static int line_put(struct replay_journal *j, const char *line, int n, struct err *err)
{
    if (!j->path)
        return 0;
    if (write(j->fd, line, (size_t)n) != n)
        return broken(j, err);
    return ++j->lines > LINES_MOST ? rewrite(j, err) : 0;
}

/* ---- opening ---- */

static int lock(struct replay_journal *j, const char *job, struct err *err)
{
    j->lock = open(job, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (j->lock < 0)
        return err_set(err, ERR_IO, "%s: %s; name another folder with --job", job, strerror(errno));
    if (flock(j->lock, LOCK_EX | LOCK_NB))
        return err_set(err, ERR_REFUSED,
                       "%s: another replay of this job is running; wait for its end, or name another "
                       "folder with --job",
                       job);
    return 0;
}

int replay_journal_open(const char *job, struct replay_journal **ret, struct err *err)
{
    struct replay_journal *j = *ret = calloc(1, sizeof *j);

    if (!j || (job && asprintf(&j->path, "%s/replay.journal", job) < 0))
        abort();
    j->fd = j->lock = -1;
    if (!job)
        return 0;
    int rc = lock(j, job, err);
    FILE *in = rc == 0 ? fopen(j->path, "re") : NULL;
    if (in) {
        all_read(j, in);
        fclose(in);
    }
    rc = rc ? rc : rewrite(j, err);
    if (rc < 0) {
        replay_journal_close(j);
        *ret = NULL;
    }
    return rc;
}

void replay_journal_close(struct replay_journal *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < j->n; i++)
        free(j->files[i]);
    free(j->files);
    if (j->fd >= 0)
        close(j->fd);
    if (j->lock >= 0)
        close(j->lock);
    free(j->path);
    free(j);
}

/* ---- archives ---- */

static uint64_t end_hash(int fd, uint64_t at)
{
    char bytes[JOURNAL_ENDS_BYTES];
    ssize_t n = pread(fd, bytes, sizeof bytes, (off_t)at);

    return XXH3_64bits(bytes, n > 0 ? (size_t)n : 0);
}

static struct journal_file describe(int fd, const struct stat *st)
{
    uint64_t size = (uint64_t)st->st_size;

    return (struct journal_file){ .size = size,
                                  .head = end_hash(fd, 0),
                                  .tail =
                                      end_hash(fd, size > JOURNAL_ENDS_BYTES ? size - JOURNAL_ENDS_BYTES : 0),
                                  .dev = st->st_dev,
                                  .ino = st->st_ino };
}

/* The same file, with more behind what it had? */
static int has_grown(const struct journal_file *was, const struct journal_file *is)
{
    return was->size >= JOURNAL_ENDS_BYTES && is->size > was->size && was->dev == is->dev &&
           was->ino == is->ino && was->head == is->head;
}

struct journal_file *replay_journal_file(struct replay_journal *j, int fd, struct err *err)
{
    struct journal_file is, *f = NULL;
    char line[LINE_MOST];
    struct stat st;

    if (fd >= 0 && fstat(fd, &st)) {
        err_set(err, ERR_IO, "%s", strerror(errno));
        return NULL;
    }
    is = fd < 0 ? (struct journal_file){ 0 } : describe(fd, &st);
    for (size_t i = 0; i < j->n; i++) {
        f = j->files[i];
        if (f->size == is.size && f->head == is.head && f->tail == is.tail) {
            f->is_ended &= fd >= 0; /* what comes there is not known before */
            return f;
        }
        if (has_grown(f, &is))
            break;
        f = NULL;
    }
    if (!f)
        f = file_add(j);
    is.number = f->number;
    is.records = f->records;
    is.last = f->last;
    is.key = f->key;
    is.first_key = f->first_key;
    *f = is;
    return line_put(j, line, line_file(line, f), err) < 0 ? NULL : f;
}

int replay_journal_done(struct replay_journal *j, struct journal_file *f, const struct warc_place *place,
                        uint64_t key, struct err *err)
{
    char line[LINE_MOST];

    f->last = *place;
    f->key = key;
    f->first_key = f->records ? f->first_key : key;
    f->records++;
    return line_put(j, line, line_done(line, f), err);
}

int replay_journal_end(struct replay_journal *j, struct journal_file *f, struct err *err)
{
    char line[LINE_MOST];

    f->is_ended = 1;
    return line_put(j, line, line_end(line, f), err);
}
