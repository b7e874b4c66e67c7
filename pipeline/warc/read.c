/* read: see read.h.
 *
 *     begin        to the first byte of a record, into the next member if need be
 *     record_here  its head, its length, what stands behind it
 *     find         behind damage: the next head in this member, else the next member */
#include "warc/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TAIL_BYTES = 13,    /* what stands behind a block: line ends, and the next record's first word */
    ENDS_MOST = 8,      /* line ends there that are taken for such */
    LOOK_BYTES = 4096,  /* at a time for a head */
    GO_BACKS_MOST = 64, /* in a file, to look for what a wrong length has swallowed */
};
#define FIND_FREE_BYTES (64u * MIB) /* unpacked while looking for a head, before the ratio is judged */

struct warc {
    struct warc_options opt;
    struct member m;
    int is_arc;
    size_t pending;                           /* bytes of the record given, still in front */
    uint64_t skip;                            /* bytes of its block behind them */
    struct warc_place skip_of, skip_head_end; /* the record that is skipped, and where its block begins */
    unsigned n_back;
    int is_lost; /* behind damage: nothing is told until a record is found */
};

int warc_open(int fd, const struct warc_options *opt, struct warc **ret)
{
    struct warc *w = calloc(1, sizeof *w);

    *ret = w;
    if (!w)
        return ERR_NOMEM;
    w->opt = *opt;
    int rc = member_init(&w->m, fd, opt->stop_fd ? opt->stop_fd : -1);
    if (rc < 0) {
        warc_close(w);
        *ret = NULL;
    }
    return rc;
}

void warc_close(struct warc *w)
{
    if (w)
        member_release(&w->m);
    free(w);
}

uint64_t warc_offset(const struct warc *w)
{
    return w->m.in.offset;
}

static struct warc_place here(const struct warc *w)
{
    if (w->m.form == MEMBER_PLAIN)
        return (struct warc_place){ w->m.in.offset, 0 };
    return (struct warc_place){ w->m.start, w->m.inner };
}

static int tell(struct warc *w, struct warc_place place, const char *text)
{
    if (!w->is_lost && w->opt.on_damage)
        w->opt.on_damage(w->opt.arg, &place, text);
    w->is_lost = 1;
    return ERR_CORRUPT;
}

/* ---- what records begin with ---- */

static int is_begin(const struct warc *w, const unsigned char *p, size_t n)
{
    if (!w->is_arc)
        return n >= 5 && !memcmp(p, "WARC/", 5);
    for (size_t i = 0; i < n && i < 12; i++)
        if (p[i] == ':')
            return i > 2;
        else if (p[i] < 'a' || p[i] > 'z')
            return 0;
    return 0;
}

static const char *head_read(const struct warc *w, unsigned char *p, size_t n, struct warc_head *ret)
{
    return w->is_arc ? arc_head_read(p, n, ret) : warc_head_read(p, n, ret);
}

static size_t head_size(const struct warc *w, const unsigned char *p, size_t n, size_t known)
{
    const unsigned char *lf;

    if (!w->is_arc)
        return warc_head_size(p, n, known);
    lf = memchr(p, '\n', n < LOOK_BYTES ? n : LOOK_BYTES);
    return lf ? (size_t)(lf + 1 - p) : 0;
}

/* How far the next word that a record may begin with is; n: there is none in these bytes. */
static size_t find_word(const struct warc *w, const unsigned char *p, size_t n)
{
    const unsigned char *at = w->is_arc ? memmem(p, n, "\nhttp", 5) : memmem(p, n, "WARC/", 5);

    return at ? (size_t)(at - p) + (w->is_arc != 0) : n;
}

/* Is there a whole head at p?  *known: so much of it was looked through for its end already, so that going
 * from word to word costs no more than going over the bytes once. */
static int is_head(const struct warc *w, unsigned char *p, size_t n, size_t *known)
{
    struct warc_head head;
    size_t most = n < WARC_HEAD_MOST ? n : WARC_HEAD_MOST, size = head_size(w, p, most, *known);

    *known = size ? 0 : most;
    return size && !head_read(w, p, size, &head);
}

/* Does another record begin within these bytes? */
static int has_head(const struct warc *w, unsigned char *p, size_t n)
{
    size_t known = 0;

    for (size_t at; (at = find_word(w, p, n)) < n; p++, n--) {
        p += at;
        n -= at;
        known = known > at ? known - at : 0;
        if (is_head(w, p, n, &known))
            return 1;
        known -= known > 0;
    }
    return 0;
}

/* ---- going on ---- */

/* To the first byte behind line ends.  1; 0 at the file's end; ERR_CORRUPT, ERR_IO. */
static int begin(struct warc *w, struct err *err)
{
    for (;;) {
        int rc = member_need(&w->m, 1, err);
        while (rc == 1 && member_left(&w->m) && (*member_at(&w->m) == '\r' || *member_at(&w->m) == '\n'))
            member_take(&w->m, 1);
        if (rc == 1 && member_left(&w->m))
            return 1;
        if (rc == 0)
            rc = member_next(&w->m, err);
        if (rc <= 0)
            return rc;
    }
}

/* A packed member ends within the record at the front: does that go on in the next?  1: there are n bytes
 * now; 0: no, and *ret_rest bytes of it are in front of what follows. */
static int go_on(struct warc *w, size_t n, size_t *ret_rest, struct err *err)
{
    int rc = 0;

    while (rc == 0 && w->m.form != MEMBER_PLAIN && w->m.is_over) {
        size_t rest = *ret_rest = member_left(&w->m);
        if (rest >= n)
            return 1;
        if ((rc = member_next(&w->m, err)) != 1)
            return rc < 0 ? rc : 0;
        member_need(&w->m, rest + TAIL_BYTES, err);
        if (is_begin(w, member_at(&w->m) + rest, member_left(&w->m) - rest))
            return 0;
        rc = member_need(&w->m, n, err);
    }
    *ret_rest = member_left(&w->m);
    return rc;
}

/* The size of the head at the front; 0: it does not end, or the member does before it. */
static size_t head_need(struct warc *w, struct err *err)
{
    for (size_t n = LOOK_BYTES, rest;; n *= 2) {
        size_t want = n < WARC_HEAD_MOST ? n : WARC_HEAD_MOST;
        int rc = member_need(&w->m, want, err);
        size_t size = head_size(w, member_at(&w->m), member_left(&w->m), 0);
        if (!size && rc == 0 && (rc = go_on(w, want, &rest, err)) == 0)
            return head_size(w, member_at(&w->m), rest, 0);
        if (size || rc != 1 || n >= 2 * WARC_HEAD_MOST)
            return size;
    }
}

/* ---- a record ---- */

enum { TAIL_NONE = -1, TAIL_ALONE = -2 };

/* What stands behind a block, n bytes of it, and nothing more if is_end: how much of it belongs to the
 * record; TAIL_NONE: the block does not end here; TAIL_ALONE: two line ends, and behind them nothing that is
 * known. */
static int tail_judge(const struct warc *w, const unsigned char *p, size_t n, int is_end)
{
    size_t ends = 0;

    while (ends < n && ends < ENDS_MOST && (p[ends] == '\r' || p[ends] == '\n'))
        ends++;
    if ((ends == n && is_end) || is_begin(w, p + ends, n - ends))
        return ends < 4 || w->is_arc ? (int)ends : 4;
    return !w->is_arc && n >= 4 && !memcmp(p, "\r\n\r\n", 4) ? TAIL_ALONE : TAIL_NONE;
}

static void tail_tell(struct warc *w, const struct warc_place *place, const unsigned char *p, int tail)
{
    int is_usual = w->is_arc || (tail == 4 && p[0] == '\r') || (tail == 2 && p[0] == '\n');

    if (!is_usual && w->opt.on_damage)
        w->opt.on_damage(w->opt.arg, place, "its end is not two line ends; the record is taken all the same");
}

static void record_set(struct warc *w, size_t head_n, size_t block_n, struct warc_record *r)
{
    r->start = (unsigned char *)(uintptr_t)member_at(&w->m);
    r->block = r->start + head_n;
    r->block_n = block_n;
    r->is_arc = w->is_arc;
    w->pending = head_n + block_n;
    w->is_lost = 0;
    w->m.vain = 0;
}

static int told_wrong(struct warc *w, const struct warc_place *place, uint64_t length, const char *what)
{
    char text[200];

    snprintf(text, sizeof text, "its Content-Length is %llu, and %s", (unsigned long long)length, what);
    return tell(w, *place, text);
}

/* A block that is given whole. */
static int block_here(struct warc *w, size_t head_n, struct warc_record *r, struct err *err)
{
    size_t end = head_n + (size_t)r->head.length, rest = 0;
    int rc = member_need(&w->m, end + TAIL_BYTES, err);

    if (rc == 0 && (member_left(&w->m) < end ||
                    tail_judge(w, member_at(&w->m) + end, member_left(&w->m) - end, 1) == TAIL_NONE)) {
        rc = go_on(w, end + TAIL_BYTES, &rest, err);
        if (rc < 0)
            return tell(w, r->place, err->text);
        if (rc == 0 && rest < end) {
            w->pending = w->m.form == MEMBER_PLAIN ? head_n : rest;
            return told_wrong(w, &r->place, r->head.length, "it is cut off before");
        }
    }
    const unsigned char *p = member_at(&w->m) + end;
    size_t n = member_left(&w->m) > end ? member_left(&w->m) - end : 0;
    if (rc < 0 && !(n >= TAIL_BYTES && !memcmp(p, "\r\n\r\n", 4) && is_begin(w, p + 4, n - 4)))
        return tell(w, r->place, err->text);
    int tail = tail_judge(w, p, n, rc == 0);
    if (tail == TAIL_ALONE &&
        !has_head(w, (unsigned char *)(uintptr_t)p - r->head.length, (size_t)r->head.length))
        tail = 4; /* what follows is damaged, and will be told */
    if (tail < 0) {
        w->pending = head_n;
        return told_wrong(w, &r->place, r->head.length, "what stands there is no record's end");
    }
    /* the record as it was before go_on moved it */
    head_read(w, (unsigned char *)(uintptr_t)member_at(&w->m), head_n, &r->head);
    record_set(w, head_n, (size_t)r->head.length, r);
    r->is_whole = 1;
    tail_tell(w, &r->place, p, tail);
    w->pending += (size_t)tail;
    return 1;
}

/* Only its beginning is given; the rest is passed over when the next one is asked for. */
static int part_here(struct warc *w, size_t head_n, struct warc_record *r, struct err *err)
{
    unsigned char tail[TAIL_BYTES];
    uint64_t end = w->m.in.offset + head_n + r->head.length; /* meant for plain files */

    if (w->m.form == MEMBER_PLAIN && w->m.in.can_seek) {
        size_t n = inlet_peek(&w->m.in, end, tail, sizeof tail);
        if (end > w->m.in.size || tail_judge(w, tail, n, end + n >= w->m.in.size) < 0) {
            w->pending = head_n;
            return told_wrong(w, &r->place, r->head.length,
                              end > w->m.in.size ? "it is cut off before"
                                                 : "what stands there is no record's end");
        }
    }
    int rc = member_need(&w->m, head_n + WARC_BLOCK_PART, err);
    if (rc < 0)
        return tell(w, r->place, err->text);
    size_t part = member_left(&w->m) - head_n;
    if (part > WARC_BLOCK_PART)
        part = WARC_BLOCK_PART;
    head_read(w, (unsigned char *)(uintptr_t)member_at(&w->m), head_n, &r->head);
    w->skip_of = r->place;
    w->skip_head_end = here(w);
    w->skip_head_end.inner += w->m.form == MEMBER_PLAIN ? 0 : head_n;
    w->skip_head_end.offset += w->m.form == MEMBER_PLAIN ? head_n : 0;
    w->skip = r->head.length - part;
    record_set(w, head_n, part, r);
    r->is_whole = 0;
    return 1;
}

static int record_here(struct warc *w, struct warc_record *r, struct err *err)
{
    size_t head_n;
    const char *why;

    *r = (struct warc_record){ .place = here(w) };
    if (!w->is_arc && w->m.inner == 0 && member_need(&w->m, 9, err) == 1 &&
        !memcmp(member_at(&w->m), "filedesc:", 9))
        w->is_arc = 1;
    head_n = head_need(w, err);
    if (!is_begin(w, member_at(&w->m), member_left(&w->m)))
        return tell(w, r->place,
                    err->code == ERR_CORRUPT ? err->text : "here should begin a record, and does not");
    if (!head_n)
        return tell(w, r->place, err->code == ERR_CORRUPT ? err->text : "the head of a record does not end");
    why = head_read(w, (unsigned char *)(uintptr_t)member_at(&w->m), head_n, &r->head);
    if (why) {
        w->pending = 1;
        return tell(w, r->place, why);
    }
    return r->head.length <= WARC_BLOCK_MOST ? block_here(w, head_n, r, err) : part_here(w, head_n, r, err);
}

/* ---- passing over ---- */

/* The rest of a block of which only the beginning was given. */
static int skip(struct warc *w, struct err *err)
{
    int rc = 1;
    uint64_t gone = 0;

    if (w->m.form == MEMBER_PLAIN && w->m.in.can_seek && w->skip > inlet_left(&w->m.in)) {
        rc = inlet_seek(&w->m.in, w->m.in.offset + w->skip);
        w->m.inner += w->skip;
        w->skip = 0;
        return rc;
    }
    while (w->skip && rc == 1) {
        size_t n = member_left(&w->m);
        if (!n)
            rc = member_need(&w->m, 1, err);
        if (n > w->skip)
            n = (size_t)w->skip;
        member_take(&w->m, n);
        w->skip -= n;
        gone += n;
        if (w->m.form != MEMBER_PLAIN && gone > FIND_FREE_BYTES &&
            gone / MEMBER_RATIO_MOST > w->m.in.offset - w->m.start) {
            w->m.is_open = 0;
            return err_set(err, ERR_LIMIT, "it unpacks to more than %u times its size, and without an end",
                           MEMBER_RATIO_MOST);
        }
    }
    return rc;
}

/* Behind it: is there what should be?  If not, what it has swallowed is looked for. */
static int skip_end(struct warc *w, struct err *err)
{
    struct warc_place of = w->skip_of;
    uint64_t left;
    int rc = skip(w, err), tail = 0;

    left = w->skip;
    w->skip = 0;
    if (rc == ERR_IO)
        return rc;
    if (rc == 1) {
        rc = member_need(&w->m, TAIL_BYTES, err);
        tail = tail_judge(w, member_at(&w->m),
                          member_left(&w->m) < TAIL_BYTES ? member_left(&w->m) : TAIL_BYTES, rc == 0);
    }
    if (rc >= 0 && tail >= 0 && !left)
        return 1;
    tell(w, of,
         rc < 0 ? err->text
         : left ? "it is cut off before its Content-Length"
                : "its Content-Length is wrong: what stands there is no record's end");
    if (rc >= 0 && w->m.in.can_seek && w->n_back++ < GO_BACKS_MOST)
        member_seek(&w->m, w->skip_head_end.offset, w->skip_head_end.inner);
    return ERR_CORRUPT;
}

/* The next head within what is left of this member.  1; 0: it has none. */
static int find_here(struct warc *w, struct err *err)
{
    uint64_t gone = 0;
    size_t known = 0;

    for (;;) {
        int rc = member_need(&w->m, 2 * WARC_HEAD_MOST, err), is_end = rc != 1;
        size_t n = rc == 1 ? WARC_HEAD_MOST : member_left(&w->m), at = find_word(w, member_at(&w->m), n);
        if (at == n && !is_end)
            at -= 8; /* it may have begun */
        member_take(&w->m, at);
        gone += at;
        known = known > at ? known - at : 0;
        if (at < n && is_begin(w, member_at(&w->m), member_left(&w->m))) {
            if (is_head(w, (unsigned char *)(uintptr_t)member_at(&w->m), member_left(&w->m), &known))
                return 1;
            member_take(&w->m, 1);
            known -= known > 0;
        }
        if (!member_left(&w->m) && is_end)
            return 0;
        if (w->m.form != MEMBER_PLAIN && gone > FIND_FREE_BYTES &&
            gone / MEMBER_RATIO_MOST > w->m.in.offset - w->m.start) {
            w->m.is_open = 0;
            return 0;
        }
    }
}

/* Behind damage.  1: a record or member begins; 0: there is none any more; ERR_IO. */
static int find(struct warc *w, struct err *err)
{
    int has_more =
        w->m.is_open || w->m.form == MEMBER_PLAIN || w->m.inner > 0; /* >: not a record's own member */

    if (has_more && find_here(w, err))
        return 1;
    if (w->m.in.io_errno)
        return err_set(err, ERR_IO, "%s", strerror(w->m.in.io_errno));
    return (w->m.is_over && w->m.is_open) || member_find(&w->m);
}

/* ---- the calls ---- */

int warc_next(struct warc *w, struct warc_record *ret, struct err *err)
{
    int rc;

    for (;;) {
        *err = (struct err){ 0 };
        rc = 1;
        member_take(&w->m, w->pending);
        w->pending = 0;
        if (w->skip)
            rc = skip_end(w, err);
        if (rc == 1 && (rc = begin(w, err)) < 0 && rc != ERR_IO)
            rc = tell(w, here(w), err->text);
        if (rc == 1)
            rc = record_here(w, ret, err);
        if (rc == 1 || rc == 0)
            return rc;
        if (w->m.in.io_errno)
            return err_set(err, ERR_IO, "%s", strerror(w->m.in.io_errno));
        member_take(&w->m, w->pending);
        w->pending = 0;
        if ((rc = find(w, err)) <= 0)
            return rc;
    }
}

static void rebase(struct warc_record *r, unsigned char *to)
{
    ptrdiff_t by = to - r->start;
    trommel_str *const strs[] = { &r->head.id,           &r->head.url,    &r->head.date,
                                  &r->head.content_type, &r->head.ip,     &r->head.truncated,
                                  &r->head.digest,       &r->head.refers, &r->head.profile };

    for (size_t i = 0; i < sizeof strs / sizeof strs[0]; i++)
        if (strs[i]->n)
            strs[i]->p += by;
    r->start += by;
    r->block += by;
}

void warc_keep(struct warc *w, unsigned char **spare, struct warc_record *r)
{
    struct member *m = &w->m;

    if (m->form != MEMBER_PLAIN && m->is_over && !w->skip && member_left(m) == w->pending) {
        unsigned char *out = m->out;
        member_take(m, w->pending);
        w->pending = 0;
        m->at = m->len = 0;
        m->out = *spare;
        *spare = out;
        return;
    }
    size_t n = (size_t)(r->block - r->start) + r->block_n;
    memcpy(*spare, r->start, n);
    rebase(r, *spare);
}

int warc_seek(struct warc *w, const struct warc_place *place)
{
    struct err err = { 0 };

    if (!w->m.in.can_seek)
        return ERR_UNSUPPORTED;
    if (begin(w, &err) != 1) /* a dictionary and the file's kind stand at its beginning */
        return ERR_CORRUPT;
    w->is_arc = member_need(&w->m, 9, &err) == 1 && !memcmp(member_at(&w->m), "filedesc:", 9);
    return member_seek(&w->m, place->offset, place->inner);
}
