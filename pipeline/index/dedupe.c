/* dedupe: see dedupe.h.
 *
 * Exact: the same 128-bit hash of the normalised text.  Near and part: the pages that share most sampled
 * shingles are looked up in the postings, the eight best are compared sketch against sketch at the coarser
 * sampling of the two, which estimates resemblance (Jaccard) and containment at once (Broder, "On the
 * resemblance and containment of documents", 1997; samples by hash: FracMinHash, Irber et al. 2022).
 *
 * Thresholds.  Templates around the same body drag resemblance down while containment hardly moves, so both
 * decide: near from a resemblance of 0.5 (at 0.8, usual for MinHash, half of the near-duplicates that people
 * found are missed), part from a containment of 0.6 in the larger.  Few shared shingles are chance or one
 * quoted sentence: 4 must be shared, 8 where a side has under 150 words and the verdict is containment.
 * Under 64 words 0.8 is asked for, under 8 only exact counts (sketch.h).
 *
 * A page joins the cluster of what it repeats, whose first page alone has postings, so ten thousand mirrors
 * cost no more than one; there is no transitive closure (a copy of a copy joins only if it is like the
 * first, or exact).  A phrase that 64 clusters have does not vote.
 *
 * A page that was claimed and released stays as a ghost while others refer to it, so that clusters do not
 * fall apart; claimed again it is itself.  Beyond PAGES_MAX pages are looked up but no longer added. */
#include "index/dedupe.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "index/journal.h"
#include "index/postings.h"
#include "plugin/stage/dedupe/sketch.h"

#define PAGES_MAX 50000000u
#define NONE      UINT32_MAX
#define BEST      8

#define NEAR_RESEMBLANCE       0.5
#define NEAR_RESEMBLANCE_SHORT 0.8
#define PART_CONTAINMENT       0.6
#define SHORT_WORDS            64
#define FEW_WORDS              150
#define SHARED_MIN             4
#define SHARED_MIN_FEW         8

enum state { FREE, CLAIMED, COMMITTED, GHOST };

struct page {
    uint8_t id[RECORD_ID_BYTES], exact[16];
    struct dedupe_verdict verdict;
    unsigned char *sketch; /* of a cluster's first page, and of one not committed yet */
    uint32_t sketch_n;
    uint32_t of;                        /* number of the page it repeats, or NONE; the free list's next */
    uint32_t refs;                      /* pages that repeat this one */
    uint8_t state, posted, exact_first; /* exact_first: the table of exact hashes points here */
};

/* Page numbers by a key of 16 bytes inside the page. */
struct table {
    uint32_t *slots; /* number plus 1; 0: empty */
    size_t n, cap;
};

struct vote {
    uint32_t page, n;
};

struct dedupe {
    struct page *pages;
    uint32_t n_pages, cap_pages, free_page, n_used;
    struct table ids, exacts;
    struct postings postings;
    struct journal *journal;
    struct vote *votes; /* scratch: a table by page number */
    uint32_t *voted;    /* its used slots */
    uint32_t n_voted;
    int full_said;
};

/* ---- tables ------------------------------------------------------------------------------------- */

enum { KEY_ID = offsetof(struct page, id), KEY_EXACT = offsetof(struct page, exact) };

static const uint8_t *key_at(const struct dedupe *d, uint32_t page, int key)
{
    return (const uint8_t *)&d->pages[page] + key;
}

static size_t table_home(const struct table *t, const uint8_t *key)
{
    uint64_t a, b;

    memcpy(&a, key, 8);
    memcpy(&b, key + 8, 8);
    return (a ^ b * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xff51afd7ed558ccd) >> 20 & (t->cap - 1);
}

/* The slot of this key, or the empty one where it would stand. */
static size_t table_seek(const struct dedupe *d, const struct table *t, int which, const uint8_t *key)
{
    size_t i = table_home(t, key);

    while (t->slots[i] && memcmp(key_at(d, t->slots[i] - 1, which), key, 16))
        i = (i + 1) & (t->cap - 1);
    return i;
}

static uint32_t table_find(const struct dedupe *d, const struct table *t, int which, const uint8_t *key)
{
    return t->n ? t->slots[table_seek(d, t, which, key)] - 1 : NONE;
}

static int table_grow(struct dedupe *d, struct table *t, int which)
{
    struct table bigger = { .cap = t->cap ? t->cap * 2 : 1024, .n = t->n };

    if (t->n < t->cap / 10 * 7)
        return 0;
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return ERR_NOMEM;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i])
            bigger.slots[table_seek(d, &bigger, which, key_at(d, t->slots[i] - 1, which))] = t->slots[i];
    free(t->slots);
    *t = bigger;
    return 0;
}

/* Room was made by table_grow; the key is not there. */
static void table_add(struct dedupe *d, struct table *t, int which, uint32_t page)
{
    t->slots[table_seek(d, t, which, key_at(d, page, which))] = page + 1;
    t->n++;
}

static void table_remove(struct dedupe *d, struct table *t, int which, uint32_t page)
{
    size_t mask = t->cap - 1, gap = table_seek(d, t, which, key_at(d, page, which)), i = gap;

    t->n--;
    for (;;) {
        t->slots[gap] = 0;
        size_t at;
        do {
            i = (i + 1) & mask;
            if (!t->slots[i])
                return;
            at = table_home(t, key_at(d, t->slots[i] - 1, which));
        } while (((i - at) & mask) < ((i - gap) & mask));
        t->slots[gap] = t->slots[i];
        gap = i;
    }
}

/* ---- candidates --------------------------------------------------------------------------------- */

#define VOTE_SLOTS 16384u /* more than SKETCH_SECTIONS * SKETCH_HASHES * POSTINGS_HOT pages can't come */

static void vote(struct dedupe *d, uint32_t page)
{
    uint32_t i = page * 0x9e3779b1u >> 18;

    while (d->votes[i].n && d->votes[i].page != page)
        i = (i + 1) & (VOTE_SLOTS - 1);
    if (!d->votes[i].n++) {
        d->votes[i].page = page;
        d->voted[d->n_voted++] = i;
    }
}

/* The pages with the most shared hashes, best first (the earlier of two); returns how many. */
static unsigned candidates(struct dedupe *d, const struct sketch *s, uint32_t best[BEST])
{
    uint32_t pages[POSTINGS_HOT], count[BEST];
    unsigned n = 0;

    d->n_voted = 0;
    for (uint32_t k = 0; k < s->n_sections; k++)
        for (unsigned h = 0; h < s->sections[k].n; h++) {
            unsigned found =
                postings_get(&d->postings, s->sections[k].hashes[h], s->sections[k].width, pages);
            for (unsigned i = 0; i < found; i++)
                vote(d, pages[i]);
        }
    for (uint32_t v = 0; v < d->n_voted; v++) {
        struct vote *one = &d->votes[d->voted[v]];
        unsigned at = n < BEST ? n : BEST;
        while (at > 0 && (one->n > count[at - 1] || (one->n == count[at - 1] && one->page < best[at - 1])))
            at--;
        if (at < BEST) {
            n += n < BEST;
            memmove(best + at + 1, best + at, (n - at - 1) * sizeof *best);
            memmove(count + at + 1, count + at, (n - at - 1) * sizeof *count);
            best[at] = one->page;
            count[at] = one->n;
        }
        one->n = 0;
    }
    return n;
}

struct likeness {
    unsigned shared;
    double resemblance, containment;
};

static struct likeness sections_compare(const struct sketch_section *a, const struct sketch_section *b)
{
    unsigned e = a->e > b->e ? a->e : b->e, na = sketch_count(a, e), nb = sketch_count(b, e), i = 0, j = 0;
    unsigned least = na < nb ? na : nb;
    struct likeness l = { 0 };

    while (i < na && j < nb) {
        if (a->hashes[i] == b->hashes[j])
            l.shared++, i++, j++;
        else if (a->hashes[i] < b->hashes[j])
            i++;
        else
            j++;
    }
    if (least) {
        l.resemblance = (double)l.shared / (na + nb - l.shared);
        l.containment = (double)l.shared / least;
    }
    return l;
}

/* At the narrow width where both are short, at the wide one where both are long enough. */
static struct likeness sketches_compare(const struct sketch *a, const struct sketch *b)
{
    static const unsigned widths[] = { SKETCH_NARROW, SKETCH_WIDE };

    for (int i = 0; i < 2; i++) {
        const struct sketch_section *x = sketch_find(a, widths[i]), *y = sketch_find(b, widths[i]);
        if (x && y)
            return sections_compare(x, y);
    }
    return (struct likeness){ 0 };
}

static enum dedupe_relation judge(const struct likeness *l, uint32_t words)
{
    double near = words < SHORT_WORDS ? NEAR_RESEMBLANCE_SHORT : NEAR_RESEMBLANCE;
    unsigned shared = words < FEW_WORDS ? SHARED_MIN_FEW : SHARED_MIN;

    if (l->shared >= SHARED_MIN && l->resemblance >= near)
        return DEDUPE_NEAR;
    if (words >= SHORT_WORDS && l->shared >= shared && l->containment >= PART_CONTAINMENT)
        return DEDUPE_PART;
    return DEDUPE_UNIQUE;
}

/* What s repeats, by its shingles; NONE if nothing. */
static uint32_t find_near(struct dedupe *d, const struct sketch *s, struct dedupe_verdict *v)
{
    uint32_t best[BEST], found = NONE;
    unsigned n = candidates(d, s, best);

    for (unsigned i = 0; i < n; i++) {
        struct sketch other;
        if (sketch_read(d->pages[best[i]].sketch, d->pages[best[i]].sketch_n, &other) < 0)
            continue;
        struct likeness l = sketches_compare(s, &other);
        enum dedupe_relation r = judge(&l, s->words < other.words ? s->words : other.words);
        double similarity = r == DEDUPE_NEAR ? l.resemblance : l.containment;

        if (r == DEDUPE_UNIQUE || (v->relation == DEDUPE_NEAR && r == DEDUPE_PART))
            continue;
        if (v->relation == r && similarity <= v->similarity)
            continue;
        v->relation = r;
        v->similarity = similarity;
        found = best[i];
    }
    return found;
}

/* ---- pages -------------------------------------------------------------------------------------- */

static uint32_t page_new(struct dedupe *d)
{
    uint32_t i = d->free_page;

    if (table_grow(d, &d->ids, KEY_ID) < 0 || table_grow(d, &d->exacts, KEY_EXACT) < 0)
        return NONE;
    if (i != NONE) {
        d->free_page = d->pages[i].of;
    } else {
        if (d->n_pages == d->cap_pages) {
            uint32_t cap = d->cap_pages ? d->cap_pages + d->cap_pages / 2 : 1024;
            struct page *p = realloc(d->pages, (size_t)cap * sizeof *p);
            if (!p)
                return NONE;
            d->pages = p;
            d->cap_pages = cap;
        }
        i = d->n_pages++;
    }
    d->pages[i] = (struct page){ .of = NONE };
    d->n_used++;
    return i;
}

static void page_unpost(struct dedupe *d, uint32_t i)
{
    struct sketch s;

    if (!d->pages[i].posted || sketch_read(d->pages[i].sketch, d->pages[i].sketch_n, &s) < 0)
        return;
    for (uint32_t k = 0; k < s.n_sections; k++)
        for (unsigned h = 0; h < s.sections[k].n; h++)
            postings_remove(&d->postings, s.sections[k].hashes[h], s.sections[k].width, i);
    d->pages[i].posted = 0;
}

static int page_post(struct dedupe *d, uint32_t i, const struct sketch *s)
{
    int rc = 0;

    d->pages[i].posted = 1;
    for (uint32_t k = 0; k < s->n_sections && rc == 0; k++)
        for (unsigned h = 0; h < s->sections[k].n && rc == 0; h++)
            rc = postings_add(&d->postings, s->sections[k].hashes[h], s->sections[k].width, i);
    if (rc < 0)
        page_unpost(d, i);
    return rc;
}

/* Gone for good, unless others refer to it. */
static void page_drop(struct dedupe *d, uint32_t i)
{
    while (i != NONE && !d->pages[i].refs) {
        struct page *p = &d->pages[i];
        uint32_t of = p->of;

        page_unpost(d, i);
        table_remove(d, &d->ids, KEY_ID, i);
        if (p->exact_first)
            table_remove(d, &d->exacts, KEY_EXACT, i);
        free(p->sketch);
        *p = (struct page){ .of = d->free_page };
        d->free_page = i;
        d->n_used--;
        if (of == NONE)
            return;
        d->pages[of].refs--;
        i = d->pages[of].state == GHOST ? of : NONE;
    }
    if (i != NONE)
        d->pages[i].state = GHOST;
}

/* Puts a page into the index with its verdict. */
static int page_add(struct dedupe *d, const struct journal_entry *e, const struct sketch *s, uint32_t of,
                    uint32_t *ret)
{
    uint32_t i = page_new(d);
    struct page *p = i == NONE ? NULL : &d->pages[i];

    if (!p || !(p->sketch = malloc(e->sketch.n))) {
        if (p) {
            p->of = d->free_page;
            d->free_page = i;
            d->n_used--;
        }
        return ERR_NOMEM;
    }
    memcpy(p->sketch, e->sketch.p, e->sketch.n);
    p->sketch_n = (uint32_t)e->sketch.n;
    memcpy(p->id, e->id, RECORD_ID_BYTES);
    memcpy(p->exact, s->exact, 16);
    p->verdict = e->verdict;
    p->state = CLAIMED;
    table_add(d, &d->ids, KEY_ID, i);
    if (table_find(d, &d->exacts, KEY_EXACT, p->exact) == NONE) {
        table_add(d, &d->exacts, KEY_EXACT, i);
        p->exact_first = 1;
    }
    p->of = of;
    if (of != NONE)
        d->pages[of].refs++;
    if (of == NONE && page_post(d, i, s) < 0) {
        page_drop(d, i);
        return ERR_NOMEM;
    }
    *ret = i;
    return 0;
}

/* ---- the interface ------------------------------------------------------------------------------ */

static uint32_t verdict_make(struct dedupe *d, const uint8_t *id, const struct sketch *s,
                             struct dedupe_verdict *v)
{
    uint32_t of = table_find(d, &d->exacts, KEY_EXACT, s->exact);

    *v = (struct dedupe_verdict){ .relation = DEDUPE_UNIQUE };
    if (of != NONE) {
        v->relation = DEDUPE_EXACT;
        v->similarity = 1;
    } else {
        of = find_near(d, s, v);
    }
    memcpy(v->cluster, of == NONE ? id : d->pages[of].verdict.cluster, RECORD_ID_BYTES);
    if (of != NONE)
        memcpy(v->of, d->pages[of].id, RECORD_ID_BYTES);
    return of;
}

int dedupe_claim(struct dedupe *d, const uint8_t id[RECORD_ID_BYTES], trommel_str sketch,
                 struct dedupe_verdict *ret)
{
    struct sketch s;
    uint32_t i, of;

    if (sketch_read(sketch.p, sketch.n, &s) < 0)
        return ERR_INVALID;
    if ((i = table_find(d, &d->ids, KEY_ID, id)) != NONE) {
        if (d->pages[i].state == GHOST)
            d->pages[i].state = CLAIMED;
        *ret = d->pages[i].verdict;
        return 0;
    }
    if (s.words == 0) { /* nothing says nothing twice */
        *ret = (struct dedupe_verdict){ .relation = DEDUPE_UNIQUE };
        memcpy(ret->cluster, id, RECORD_ID_BYTES);
        return 0;
    }
    struct journal_entry e = { .sketch = sketch };
    memcpy(e.id, id, RECORD_ID_BYTES);
    of = verdict_make(d, id, &s, &e.verdict);
    *ret = e.verdict;
    if (d->n_used < PAGES_MAX)
        return page_add(d, &e, &s, of, &i);
    if (!d->full_said++)
        log_warn("dedupe: %u pages are known, the maximum; further ones are compared with these only",
                 PAGES_MAX);
    return 0;
}

/* A first page needs its sketch to be compared with; of others the hash of the text is enough. */
static void sketch_forget(struct page *p)
{
    if (p->posted)
        return;
    free(p->sketch);
    p->sketch = NULL;
    p->sketch_n = 0;
}

int dedupe_commit(struct dedupe *d, const uint8_t id[RECORD_ID_BYTES])
{
    uint32_t i = table_find(d, &d->ids, KEY_ID, id);
    int rc = 0;

    if (i == NONE)
        return ERR_ABSENT;
    struct page *p = &d->pages[i];
    if (p->state == COMMITTED)
        return 0;
    if (d->journal) {
        struct journal_entry e = { .verdict = p->verdict,
                                   .sketch = { (const char *)p->sketch, p->sketch_n } };
        memcpy(e.id, id, RECORD_ID_BYTES);
        rc = journal_add(d->journal, &e);
    }
    if (rc == 0) {
        p->state = COMMITTED;
        sketch_forget(p);
    }
    return rc;
}

void dedupe_release(struct dedupe *d, const uint8_t id[RECORD_ID_BYTES])
{
    uint32_t i = table_find(d, &d->ids, KEY_ID, id);

    if (i != NONE && d->pages[i].state == CLAIMED)
        page_drop(d, i);
}

int dedupe_sync(struct dedupe *d)
{
    return d->journal ? journal_sync(d->journal) : 0;
}

/* An entry of the journal: as it was claimed then.  What it repeats may never have been committed; then it
 * stands for its cluster. */
static int on_entry(void *arg, const struct journal_entry *e)
{
    struct dedupe *d = arg;
    struct sketch s;
    uint32_t i, of;

    if (sketch_read(e->sketch.p, e->sketch.n, &s) < 0 || d->n_used >= PAGES_MAX ||
        table_find(d, &d->ids, KEY_ID, e->id) != NONE)
        return 0;
    of = e->verdict.relation == DEDUPE_UNIQUE ? NONE : table_find(d, &d->ids, KEY_ID, e->verdict.of);
    int rc = page_add(d, e, &s, of, &i);
    if (rc == 0) {
        d->pages[i].state = COMMITTED;
        sketch_forget(&d->pages[i]);
    }
    return rc;
}

int dedupe_open(const char *path, struct dedupe **ret, struct err *err)
{
    struct dedupe *d = calloc(1, sizeof *d);
    int rc = 0;

    *ret = NULL;
    if (!d || !(d->votes = calloc(VOTE_SLOTS, sizeof *d->votes)) ||
        !(d->voted = calloc(VOTE_SLOTS, sizeof *d->voted))) {
        dedupe_close(d);
        return err_set(err, ERR_NOMEM, "dedupe: out of memory");
    }
    d->free_page = NONE;
    if (path)
        rc = journal_open(path, on_entry, d, &d->journal, err);
    if (rc < 0) {
        dedupe_close(d);
        return rc;
    }
    *ret = d;
    return 0;
}

void dedupe_leave(struct dedupe *d)
{
    if (d->journal)
        journal_leave(d->journal);
}

void dedupe_close(struct dedupe *d)
{
    if (!d)
        return;
    journal_close(d->journal);
    for (uint32_t i = 0; i < d->n_pages; i++)
        if (d->pages[i].state != FREE)
            free(d->pages[i].sketch);
    free(d->pages);
    free(d->ids.slots);
    free(d->exacts.slots);
    postings_release(&d->postings);
    free(d->votes);
    free(d->voted);
    free(d);
}

int dedupe_settle(struct buf *record, const struct dedupe_verdict *v, trommel_str sketch)
{
    static const char *const names[] = { "unique", "exact", "near", "part" };
    struct buf b = BUF_INIT(4096);
    int rc;

    mp_map(&b, 6);
    mp_cstr(&b, "relation");
    mp_cstr(&b, names[v->relation]);
    mp_cstr(&b, "cluster");
    mp_bin(&b, v->cluster, RECORD_ID_BYTES);
    mp_cstr(&b, "of");
    if (v->relation == DEDUPE_UNIQUE)
        mp_nil(&b);
    else
        mp_bin(&b, v->of, RECORD_ID_BYTES);
    mp_cstr(&b, "similarity");
    if (v->relation == DEDUPE_UNIQUE)
        mp_nil(&b);
    else
        mp_f64(&b, v->similarity);
    mp_cstr(&b, "sketch");
    mp_bin(&b, sketch.p, sketch.n);
    mp_cstr(&b, "scope");
    mp_cstr(&b, "run");
    rc = b.err ? b.err : record_append(record, "dedupe", b.data, b.len);
    buf_release(&b);
    return rc;
}
