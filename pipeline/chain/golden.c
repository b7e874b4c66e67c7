/* golden: two results of each page beside each other, and a verdict over all; see golden.h.
 *
 * A record waits until its other side has come, then both are compared and forgotten: what stays are
 * numbers, by field. The bundled pages are in golden_pages.c, those of the crawl in golden_ring.c. */
#include "chain/golden.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "record/diff.h"

enum { NAME_MAX_BYTES = 120, VIOLATIONS_MAX = 900 };

/* What one chain made of a page. */
struct side {
    int is_there, is_failed;
    uint64_t cpu_us;
    char *record; /* until both are there; NULL: there was no room */
    size_t record_n;
    char stage[65], reason[65]; /* of a failure */
};

struct page {
    struct side sides[GOLDEN_SIDES];
    char name[NAME_MAX_BYTES];
};

/* On how many pages a field is not the same. */
struct field {
    char *path;
    uint32_t n[DIFF_KINDS];
    uint32_t first[DIFF_KINDS]; /* the first page on which it was */
};

struct golden_compare {
    struct page *pages;
    size_t n;
    size_t held; /* bytes of records that wait */
    uint32_t done, equal, differ, uncompared, failed[GOLDEN_SIDES];
    uint32_t worse;              /* fail with the candidate only */
    uint32_t first_worse, first_uncompared;
    uint64_t cpu_us[GOLDEN_SIDES]; /* of pages that fail on neither side */
    struct field fields[GOLDEN_FIELDS_MAX + 1];
    size_t n_fields;
};

struct golden_compare *golden_compare_new(size_t n_pages)
{
    struct golden_compare *g = calloc(1, sizeof *g);

    assert(n_pages <= GOLDEN_PAGES_MAX);
    if (g)
        g->pages = calloc(n_pages + 1, sizeof *g->pages);
    if (!g || !g->pages) {
        free(g);
        return NULL;
    }
    g->n = n_pages;
    return g;
}

static void record_drop(struct golden_compare *g, struct side *s)
{
    if (s->record)
        g->held -= s->record_n;
    free(s->record);
    s->record = NULL;
}

void golden_compare_free(struct golden_compare *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n; i++)
        for (int side = 0; side < GOLDEN_SIDES; side++)
            record_drop(g, &g->pages[i].sides[side]);
    for (size_t i = 0; i < g->n_fields; i++)
        free(g->fields[i].path);
    free(g->pages);
    free(g);
}

/* ---- results ---- */

/* The row of a field; the last one is for all that have no room. */
static struct field *field_of(struct golden_compare *g, const char *path)
{
    struct field *f;

    for (size_t i = 0; i < g->n_fields; i++)
        if (!strcmp(g->fields[i].path, path))
            return &g->fields[i];
    f = &g->fields[g->n_fields < GOLDEN_FIELDS_MAX ? g->n_fields : GOLDEN_FIELDS_MAX];
    if (f->path)
        return f;
    f->path = strdup(g->n_fields < GOLDEN_FIELDS_MAX ? path : "…");
    g->n_fields += f->path != NULL;
    return f->path ? f : NULL;
}

struct compared {
    struct golden_compare *g;
    uint32_t page;
};

static int on_field(void *arg, const struct diff_field *d)
{
    struct compared *c = arg;
    struct field *f;

    if (d->kind == DIFF_EQUAL)
        return 0;
    f = field_of(c->g, d->path.p);
    if (!f)
        return ERR_NOMEM;
    if (!f->n[d->kind]++)
        f->first[d->kind] = c->page;
    return 0;
}

static trommel_str record_of(const struct side *s)
{
    return (trommel_str){ s->record, s->record_n };
}

static void page_compare(struct golden_compare *g, size_t i)
{
    struct side *old = &g->pages[i].sides[GOLDEN_LIVE], *new = &g->pages[i].sides[GOLDEN_CANDIDATE];
    struct compared arg = { g, (uint32_t)i };
    uint64_t counts[DIFF_KINDS];
    int rc = ERR_LIMIT;

    if (old->record && new->record)
        rc = diff_records(record_of(old), record_of(new), &diff_ignore_run, on_field, &arg, counts, NULL);
    if (rc) {
        if (!g->uncompared++)
            g->first_uncompared = (uint32_t)i;
    } else if (counts[DIFF_DIFFERS] || counts[DIFF_MISSING] || counts[DIFF_EXTRA]) {
        g->differ++;
    } else {
        g->equal++;
    }
}

/* Both are there. */
static void page_end(struct golden_compare *g, size_t i)
{
    struct side *old = &g->pages[i].sides[GOLDEN_LIVE], *new = &g->pages[i].sides[GOLDEN_CANDIDATE];

    g->done++;
    g->failed[GOLDEN_LIVE] += (uint32_t)old->is_failed;
    g->failed[GOLDEN_CANDIDATE] += (uint32_t)new->is_failed;
    if (new->is_failed && !old->is_failed && !g->worse++)
        g->first_worse = (uint32_t)i;
    if (!old->is_failed && !new->is_failed) {
        g->cpu_us[GOLDEN_LIVE] += old->cpu_us;
        g->cpu_us[GOLDEN_CANDIDATE] += new->cpu_us;
        page_compare(g, i);
    }
    record_drop(g, old);
    record_drop(g, new);
}

static void str_keep(char *to, size_t n, trommel_str s)
{
    size_t len = s.n < n ? s.n : n - 1;

    if (len)
        memcpy(to, s.p, len);
    to[len] = 0;
}

void golden_compare_put(struct golden_compare *g, size_t i, enum golden_side side, const char *name,
                        const struct pool_result *r)
{
    struct page *p = &g->pages[i];
    struct side *s = &p->sides[side];

    assert(i < g->n && !s->is_there);
    s->is_there = 1;
    s->is_failed = r->outcome == OUTCOME_QUARANTINED;
    s->cpu_us = r->cpu_us;
    str_keep(s->stage, sizeof s->stage, r->stage);
    str_keep(s->reason, sizeof s->reason, r->reason);
    str_keep(p->name, sizeof p->name, (trommel_str){ name, strlen(name) });
    if (!s->is_failed && r->record.n <= GOLDEN_HELD_BYTES - g->held)
        s->record = malloc(r->record.n + 1);
    if (s->record) {
        memcpy(s->record, r->record.p, r->record.n);
        s->record_n = r->record.n;
        g->held += r->record.n;
    }
    if (p->sides[!side].is_there)
        page_end(g, i);
}

int golden_compare_is_done(const struct golden_compare *g)
{
    return g->done == g->n;
}

/* ---- the verdict ---- */

/* What breaks the policy, parted by "; ". */
__attribute__((format(printf, 2, 3))) static void violation(struct buf *out, const char *fmt, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_printf(out, "%s%s", out->len ? "; " : "", text);
}

static void judge_errors(const struct golden_compare *g, const struct swap_policy *policy, struct buf *out)
{
    const struct page *p = &g->pages[g->first_worse];
    const struct side *s = &p->sides[GOLDEN_CANDIDATE];

    if (g->done && (double)g->worse / g->done > policy->errors_max)
        violation(out,
                  "%u of %u pages fail with the candidate and not with the live chain (first: %s, stage %s: "
                  "%s)",
                  g->worse, g->done, p->name, s->stage[0] ? s->stage : "unknown",
                  s->reason[0] ? s->reason : "unknown");
}

/* Is one of them the other, or does it lie under the other? */
static int paths_touch(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b), n = na < nb ? na : nb;

    return !memcmp(a, b, n) && (na == nb || (na < nb ? b : a)[n] == '.');
}

static int is_kept(const struct swap_policy *policy, const char *path)
{
    for (size_t i = 0; i < policy->n_keep; i++)
        if (paths_touch(policy->keep[i], path))
            return 1;
    return 0;
}

static void judge_fields(const struct golden_compare *g, const struct swap_policy *policy, struct buf *out)
{
    static const struct {
        enum diff_kind kind;
        const char *what;
    } kinds[] = { { DIFF_MISSING, "is lost" }, { DIFF_DIFFERS, "changes" } };

    for (size_t i = 0; i < g->n_fields; i++) {
        const struct field *f = &g->fields[i];
        for (int k = 0; k < 2 && is_kept(policy, f->path); k++)
            if (f->n[kinds[k].kind])
                violation(out, "%.100s %s on %u of %u pages (first: %s); it must be kept", f->path,
                          kinds[k].what, f->n[kinds[k].kind], g->done,
                          g->pages[f->first[kinds[k].kind]].name);
    }
}

static double slower(const struct golden_compare *g)
{
    uint64_t old = g->cpu_us[GOLDEN_LIVE];

    return (double)g->cpu_us[GOLDEN_CANDIDATE] / (double)(old ? old : 1);
}

static void judge_time(const struct golden_compare *g, const struct swap_policy *policy, struct buf *out)
{
    double old = (double)g->cpu_us[GOLDEN_LIVE], new = (double)g->cpu_us[GOLDEN_CANDIDATE];

    if (new > policy->slower_max * old + GOLDEN_SLOW_FLOOR_US)
        violation(out,
                  "%u pages take %.1f ms of CPU time, %.1f times as much as with the live chain; at most %g",
                  g->equal + g->differ + g->uncompared, new / 1000, slower(g), policy->slower_max);
}

int golden_compare_judge(const struct golden_compare *g, const struct swap_policy *policy, struct err *err)
{
    struct buf out = BUF_INIT(64 * KIB);
    int rc = 0;

    judge_errors(g, policy, &out);
    judge_fields(g, policy, &out);
    if (g->uncompared)
        violation(&out,
                  "the records of %u of %u pages are too large or in too great disorder to be compared (first: "
                  "%s)",
                  g->uncompared, g->done, g->pages[g->first_uncompared].name);
    judge_time(g, policy, &out);
    if (out.len)
        rc = err_set(err, ERR_REFUSED, "golden pages: %.*s", VIOLATIONS_MAX, buf_cstr(&out));
    buf_release(&out);
    return rc;
}

/* ---- the report ---- */

/* {name: pages} of these kinds.  What has no room is counted as "…": reports are kept, and a stage may put out
 * hundreds of fields with long names. */
static json_t *names_report(const struct golden_compare *g, unsigned kinds)
{
    json_t *to = json_object();
    uint64_t more = 0;

    for (size_t i = 0; i < g->n_fields; i++) {
        uint64_t n = 0;
        for (int k = 0; k < DIFF_KINDS; k++)
            n += kinds & 1u << k ? g->fields[i].n[k] : 0;
        if (!n)
            continue;
        if (i < GOLDEN_FIELDS_MAX && json_object_size(to) < GOLDEN_NAMES_MAX &&
            strlen(g->fields[i].path) <= GOLDEN_NAME_BYTES)
            json_object_set_new(to, g->fields[i].path, json_integer((json_int_t)n));
        else
            more += n;
    }
    if (more)
        json_object_set_new(to, "…", json_integer((json_int_t)more));
    return to;
}

json_t *golden_compare_report(const struct golden_compare *g)
{
    const unsigned lost = 1u << DIFF_MISSING, more = 1u << DIFF_EXTRA, changed = 1u << DIFF_DIFFERS;
    json_t *report = json_object();

#define N(key, value) json_object_set_new(report, key, json_integer((json_int_t)(value)))
    N("pages", g->done);
    N("equal", g->equal);
    N("differ", g->differ);
    N("uncompared", g->uncompared);
    N("failed", g->failed[GOLDEN_CANDIDATE]);
    N("failed_live", g->failed[GOLDEN_LIVE]);
    N("cpu_us", g->cpu_us[GOLDEN_CANDIDATE]);
    N("cpu_us_live", g->cpu_us[GOLDEN_LIVE]);
#undef N
    json_object_set_new(report, "slower", json_real(slower(g)));
    json_object_set_new(report, "fields", names_report(g, lost | more | changed));
    json_object_set_new(report, "missing", names_report(g, lost));
    json_object_set_new(report, "extra", names_report(g, more));
    return report;
}
