/* feed: see feed.h.  Everything that both sides touch is under one mutex. */
#include "command/replay/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "command/replay/judge.h"
#include "command/replay/origin.h"

enum {
    WAKE_ITEMS = 4,  /* the loop is woken when so many wait for it, or the thread waits */
    SAID_MOST = 200, /* lines that wait to be logged */
    SAID_BYTES = 1200,
    KEEP_BYTES = 2 << 20, /* of an item's buffer; what a larger record has touched behind it is given back */
    FETCH_MOST = 64 << 10,
};

struct said {
    struct said *next;
    int level;
    char text[SAID_BYTES];
};

struct replay_feed {
    const char *job;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;             /* for the thread */
    int bell;                           /* for the loop */
    int stop;                           /* for a read that waits */
    int is_closed, is_stopped, is_idle; /* is_idle: the thread has nothing to read now */
    int has_thread;
    struct replay_file *files, **files_end;
    struct feed_item *spare, *ready, **ready_end;
    size_t n_ready;
    struct said *said, **said_end;
    size_t n_said;
    uint64_t counts[FEED_COUNTS], bytes;
    /* the thread's own */
    struct feed_item items[FEED_ITEMS];
    struct feed_item *item; /* it has in hand */
    struct replay_origin *origin;
    struct replay_file *file; /* it reads */
    unsigned told;            /* damages of that */
    int had_pages;
    uint64_t skip, first_seen; /* records that were done before, still to come; pages seen */
    int is_other;
    struct skipped { /* what was not read, since it was done before: revisits may refer to it */
        const char *path;
        uint64_t until;
    } * skipped;
    size_t n_skipped;
    uint64_t base_bytes, last_bytes; /* of the files before; of this one so far */
};

/* ---- saying ---- */

__attribute__((format(printf, 3, 4))) static void say(struct replay_feed *f, int level, const char *fmt, ...)
{
    struct said *s = calloc(1, sizeof *s);
    va_list ap;

    if (!s)
        abort();
    s->level = level;
    va_start(ap, fmt);
    vsnprintf(s->text, sizeof s->text, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&f->mutex);
    if (f->n_said < SAID_MOST) {
        *f->said_end = s;
        f->said_end = &s->next;
        f->n_said++;
        s = NULL;
    }
    pthread_mutex_unlock(&f->mutex);
    free(s);
}

void replay_feed_tell(struct replay_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    struct said *s = f->said;
    f->said = NULL;
    f->said_end = &f->said;
    f->n_said = 0;
    pthread_mutex_unlock(&f->mutex);
    for (struct said *next; s; s = next) {
        next = s->next;
        log_line(s->level, "%s", s->text);
        free(s);
    }
}

static void count(struct replay_feed *f, enum feed_count what)
{
    pthread_mutex_lock(&f->mutex);
    f->counts[what]++;
    pthread_mutex_unlock(&f->mutex);
}

static int is_stopped(struct replay_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    int stopped = f->is_stopped;
    pthread_mutex_unlock(&f->mutex);
    return stopped;
}

static void on_damage(void *arg, const struct warc_place *place, const char *text)
{
    struct replay_feed *f = arg;
    char inner[40] = "";

    if (is_stopped(f)) /* a pipe that was left in the middle */
        return;
    count(f, FEED_DAMAGES);
    if (f->told++ >= FEED_TOLD_MOST)
        return;
    if (place->inner)
        snprintf(inner, sizeof inner, ", unpacked byte %llu", (unsigned long long)place->inner);
    say(f, LOG_WARN, "%s: offset %llu%s: %s", f->file->name, (unsigned long long)place->offset, inner, text);
}

/* ---- items ---- */

static void ring(int fd)
{
    static const uint64_t one = 1;

    while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void wake(struct replay_feed *f)
{
    ring(f->bell);
}

/* The next item to fill; NULL: it was stopped. */
static struct feed_item *item_need(struct replay_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    while (!f->item && !f->is_stopped) {
        if ((f->item = f->spare)) {
            f->spare = f->item->next;
            break;
        }
        if (f->n_ready)
            wake(f);
        pthread_cond_wait(&f->changed, &f->mutex);
    }
    int stopped = f->is_stopped;
    pthread_mutex_unlock(&f->mutex);
    return stopped ? NULL : f->item;
}

static void item_push(struct replay_feed *f, int is_end)
{
    struct feed_item *item = f->item;

    f->item = NULL;
    item->file = f->file;
    item->is_end = is_end;
    item->is_other = f->is_other;
    item->next = NULL;
    f->is_other = 0;
    pthread_mutex_lock(&f->mutex);
    *f->ready_end = item;
    f->ready_end = &item->next;
    f->n_ready++;
    if (!is_end)
        f->counts[FEED_PAGES]++;
    if (f->n_ready == WAKE_ITEMS || is_end)
        wake(f);
    pthread_mutex_unlock(&f->mutex);
}

struct feed_item *replay_feed_take(struct replay_feed *f)
{
    uint64_t n;

    pthread_mutex_lock(&f->mutex);
    struct feed_item *item = f->ready;
    if (item) {
        f->ready = item->next;
        f->n_ready--;
        if (!f->ready)
            f->ready_end = &f->ready;
    }
    pthread_mutex_unlock(&f->mutex);
    if (!item && read(f->bell, &n, sizeof n) < 0 && errno != EAGAIN)
        log_debug("feed: %s", strerror(errno));
    return item;
}

/* What a large record has touched goes back to the system. */
static void buf_trim(struct feed_item *item)
{
    uintptr_t from = ((uintptr_t)item->buf + KEEP_BYTES + 4095) & ~(uintptr_t)4095;
    uintptr_t to = ((uintptr_t)item->buf + MEMBER_BUF_BYTES) & ~(uintptr_t)4095;

    if (!item->is_end && (uintptr_t)item->http.body.p + item->http.body.n > from)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

void replay_feed_give(struct replay_feed *f, struct feed_item *item)
{
    buf_trim(item);
    pthread_mutex_lock(&f->mutex);
    item->next = f->spare;
    f->spare = item;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->mutex);
}

/* ---- records ---- */

/* Was it done before?  What was is the beginning of the file; another input that comes in the same place is
 * known by its first page. */
static int is_again(struct replay_feed *f, uint64_t key)
{
    const struct journal_file *j = &f->file->known;
    int is_first = f->first_seen++ == 0;

    if (!f->skip)
        return 0;
    if (is_first && key != j->first_key && key != j->key) {
        f->skip = 0;
        f->is_other = 1;
        return 0;
    }
    f->skip = key == j->key ? 0 : f->skip - 1;
    count(f, FEED_AGAIN);
    return 1;
}

/* Where payloads lie in what was not read in this run. */
static void skipped_read(struct replay_feed *f)
{
    for (size_t i = 0; i < f->n_skipped; i++) {
        int fd = open(f->skipped[i].path, O_RDONLY | O_CLOEXEC);
        struct warc *w = NULL;
        struct warc_record r;
        struct err err;
        if (fd >= 0 && warc_open(fd, &(struct warc_options){ 0 }, &w) == 0)
            while (warc_next(w, &r, &err) == 1 && r.place.offset <= f->skipped[i].until)
                if (r.head.type == WARC_RESPONSE)
                    replay_origin_add(f->origin, f->skipped[i].path, &r);
        warc_close(w);
        if (fd >= 0)
            close(fd);
    }
    f->n_skipped = 0;
}

static int origin_find(struct replay_feed *f, const struct warc_head *head, trommel_str *ret_body)
{
    int rc = replay_origin_find(f->origin, head, ret_body);

    if (rc < 0 && f->n_skipped) {
        skipped_read(f);
        rc = replay_origin_find(f->origin, head, ret_body);
    }
    return rc;
}

static void skipped_add(struct replay_feed *f, const char *path, uint64_t until)
{
    f->skipped = realloc(f->skipped, (f->n_skipped + 1) * sizeof *f->skipped);
    if (!f->skipped)
        abort();
    f->skipped[f->n_skipped++] = (struct skipped){ path, until };
}

/* A revisit's own headers with the payload it refers to. */
static int revisit_fill(struct replay_feed *f, struct feed_item *item)
{
    trommel_str body;
    size_t at = (size_t)(item->record.block - item->record.start) + item->record.block_n;

    if (item->http.status == 304)
        return 0; /* not changed since: a record that says so */
    if (origin_find(f, &item->record.head, &body) < 0 || body.n > MEMBER_BUF_BYTES - at)
        return ERR_ABSENT;
    memcpy(item->record.start + at, body.p, body.n);
    item->http.body = (trommel_str){ (const char *)item->record.start + at, body.n };
    return 0;
}

static void page_here(struct replay_feed *f, struct warc *w, struct warc_record *r, enum judged judged)
{
    struct feed_item *item = f->item;
    enum feed_count why = FEED_OTHER;

    warc_keep(w, &item->buf, r);
    item->record = *r;
    item->file = f->file;
    if (judged == JUDGED_PAGE && f->file->size != UINT64_MAX && (r->head.digest.n || r->head.id.n))
        replay_origin_add(f->origin, f->file->path, r);
    int has_headers = r->head.type != WARC_REVISIT || r->block_n > 0;
    enum judged is = has_headers ? judge_item(item, f->job, &why) : JUDGED_NONE;
    if (judged == JUDGED_REVISIT && (is != JUDGED_PAGE || revisit_fill(f, item) < 0)) {
        is = JUDGED_NONE;
        why = why == FEED_REDIRECTS ? why : FEED_REVISITS;
    }
    if (is != JUDGED_PAGE)
        count(f, why);
    else if (!is_again(f, item->key))
        item_push(f, 0);
}

/* What of Common Crawl's has no pages: 1, and it was said. */
static int is_other_file(struct replay_feed *f, enum judged judged)
{
    if (judged != JUDGED_WET && judged != JUDGED_WAT)
        return 0;
    say(f, LOG_ERROR,
        judged == JUDGED_WET ? "%s: is a WET file: text that was taken out of pages, and no pages; give the "
                               "WARC file it was made from "
                               "(the same name with /warc/ for /wet/, and without .warc.wet)"
                             : "%s: is a WAT file: metadata about records, and no pages; give the WARC file "
                               "it was made from (the same "
                               "name with /warc/ for /wat/, and without .warc.wat)",
        f->file->name);
    f->file->is_bad = 1;
    count(f, FEED_BAD_FILES);
    return 1;
}

static void bytes_note(struct replay_feed *f, const struct warc *w)
{
    f->last_bytes = warc_offset(w);
    pthread_mutex_lock(&f->mutex);
    f->bytes = f->base_bytes + f->last_bytes;
    f->counts[FEED_RECORDS]++;
    pthread_mutex_unlock(&f->mutex);
}

/* 0 at its end; 1: stopped before; an error in err. */
static int records_read(struct replay_feed *f, struct warc *w, uint64_t *ret_n, struct err *err)
{
    struct warc_record r;
    int rc = 0;

    while (item_need(f)) {
        enum feed_count why;
        if ((rc = warc_next(w, &r, err)) <= 0)
            return is_stopped(f) ? 1 : rc;
        ++*ret_n;
        bytes_note(f, w);
        enum judged judged = judge_head(&r, f->had_pages, &why);
        if (is_other_file(f, judged))
            return 0;
        f->had_pages |= judged == JUDGED_PAGE;
        if (judged == JUDGED_NONE)
            count(f, why);
        else
            page_here(f, w, &r, judged);
    }
    return 1;
}

/* ---- files ---- */

/* Opens its archive where it goes on. */
static int file_begin(struct replay_feed *f, int fd, struct warc **ret)
{
    const struct journal_file *j = &f->file->known;
    struct warc_options opt = { on_damage, f, f->stop };
    int rc = warc_open(fd, &opt, ret);

    f->skip = j->records;
    f->is_other = 0;
    f->first_seen = 0;
    f->had_pages = f->skip > 0;
    f->told = 0;
    if (rc < 0 || !f->skip || f->file->size == UINT64_MAX)
        return rc;
    skipped_add(f, f->file->path, j->last.offset);
    if (warc_seek(*ret, &j->last) == 0)
        return 0;
    warc_close(*ret); /* its beginning is damaged: from there */
    lseek(fd, 0, SEEK_SET);
    return warc_open(fd, &opt, ret);
}

static void file_told(struct replay_feed *f, uint64_t n_records, int rc, const struct err *err)
{
    if (f->told > FEED_TOLD_MOST)
        say(f, LOG_WARN, "%s: and %u more damaged places", f->file->name, f->told - FEED_TOLD_MOST);
    if (rc < 0)
        say(f, LOG_ERROR, "%s: cannot be read further: %s", f->file->name, err->text);
    else if (rc == 0 && !n_records)
        say(f, LOG_ERROR,
            "%s: holds no WARC or ARC record; give an archive (.warc, .warc.gz, .warc.zst, .arc)",
            f->file->name);
    if (rc < 0 || (rc == 0 && !n_records)) {
        f->file->is_bad = 1;
        count(f, FEED_BAD_FILES);
    }
}

/* 0: it was stopped. */
static int file_end(struct replay_feed *f)
{
    f->base_bytes += f->file->size == UINT64_MAX ? f->last_bytes : f->file->size;
    if (!item_need(f))
        return 0;
    item_push(f, 1);
    return 1;
}

static int file_read(struct replay_feed *f)
{
    int is_stdin = !strcmp(f->file->path, "-");
    int fd = is_stdin ? STDIN_FILENO : open(f->file->path, O_RDONLY | O_CLOEXEC);
    struct warc *w = NULL;
    struct err err = { 0 };
    uint64_t n = 0;
    int rc = fd < 0 ? err_set(&err, ERR_IO, "%s", strerror(errno)) : file_begin(f, fd, &w);

    if (rc == 0)
        rc = records_read(f, w, &n, &err);
    file_told(f, n, rc, &err);
    warc_close(w);
    if (fd >= 0 && !is_stdin)
        close(fd);
    return rc != 1 && file_end(f);
}

/* All of it was done before. */
static int file_pass(struct replay_feed *f)
{
    skipped_add(f, f->file->path, UINT64_MAX);
    pthread_mutex_lock(&f->mutex);
    f->counts[FEED_AGAIN] += f->file->known.records;
    pthread_mutex_unlock(&f->mutex);
    return file_end(f);
}

static struct replay_file *file_next(struct replay_feed *f)
{
    struct replay_file *file;

    pthread_mutex_lock(&f->mutex);
    f->is_idle = 1;
    f->bytes = f->base_bytes;
    while (!f->files && !f->is_closed && !f->is_stopped) {
        wake(f);
        pthread_cond_wait(&f->changed, &f->mutex);
    }
    file = f->is_stopped ? NULL : f->files;
    if (file) {
        f->files = file->next;
        if (!f->files)
            f->files_end = &f->files;
        f->is_idle = 0;
    }
    pthread_mutex_unlock(&f->mutex);
    return file;
}

static void *feed_thread(void *arg)
{
    struct replay_feed *f = arg;

    while ((f->file = file_next(f)) && (f->file->known.is_ended ? file_pass(f) : file_read(f)))
        ;
    pthread_mutex_lock(&f->mutex);
    f->is_idle = f->is_closed = 1;
    wake(f);
    pthread_mutex_unlock(&f->mutex);
    return NULL;
}

/* ---- the calls ---- */

struct replay_feed *replay_feed_new(const char *job)
{
    struct replay_feed *f = calloc(1, sizeof *f);
    sigset_t all, was;

    if (!f || pthread_mutex_init(&f->mutex, NULL) || pthread_cond_init(&f->changed, NULL))
        abort();
    f->job = job;
    f->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    f->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    f->files_end = &f->files;
    f->ready_end = &f->ready;
    f->said_end = &f->said;
    f->origin = replay_origin_new();
    for (int i = 0; i < FEED_ITEMS; i++) {
        struct feed_item *item = &f->items[i];
        buf_init(&item->fetch, FETCH_MOST);
        buf_init(&item->made_of, 2 * WARC_HEAD_MOST);
        item->buf = malloc(MEMBER_BUF_BYTES);
        if (!item->buf)
            abort();
        item->next = f->spare;
        f->spare = item;
    }
    sigfillset(&all); /* signals are for the loop */
    pthread_sigmask(SIG_SETMASK, &all, &was);
    f->has_thread = f->bell >= 0 && f->stop > 0 && pthread_create(&f->thread, NULL, feed_thread, f) == 0;
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    if (!f->has_thread)
        abort();
    return f;
}

void replay_feed_add(struct replay_feed *f, struct replay_file *file)
{
    file->next = NULL;
    pthread_mutex_lock(&f->mutex);
    *f->files_end = file;
    f->files_end = &file->next;
    f->is_idle = 0;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->mutex);
}

void replay_feed_close(struct replay_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    f->is_closed = 1;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->mutex);
}

void replay_feed_stop(struct replay_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    f->is_stopped = f->is_closed = 1;
    ring(f->stop);
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->mutex);
}

int replay_feed_fd(const struct replay_feed *f)
{
    return f->bell;
}

int replay_feed_is_done(struct replay_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    int done = (f->is_stopped || (f->is_closed && f->is_idle && !f->files)) && !f->ready;
    pthread_mutex_unlock(&f->mutex);
    return done;
}

void replay_feed_counts(struct replay_feed *f, uint64_t ret[FEED_COUNTS])
{
    pthread_mutex_lock(&f->mutex);
    memcpy(ret, f->counts, sizeof f->counts);
    pthread_mutex_unlock(&f->mutex);
}

uint64_t replay_feed_bytes(struct replay_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    uint64_t n = f->bytes;
    pthread_mutex_unlock(&f->mutex);
    return n;
}

void replay_feed_free(struct replay_feed *f)
{
    if (!f)
        return;
    replay_feed_stop(f);
    pthread_join(f->thread, NULL);
    replay_feed_tell(f);
    replay_origin_free(f->origin);
    for (int i = 0; i < FEED_ITEMS; i++) {
        buf_release(&f->items[i].fetch);
        buf_release(&f->items[i].made_of);
        free(f->items[i].buf);
    }
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->mutex);
    close(f->bell);
    close(f->stop);
    free(f->skipped);
    free(f);
}
