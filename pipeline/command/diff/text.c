/* text: what changed as text for a terminal; see report.h. */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "command/diff/report.h"
#include "command/diff/view.h"
#include "command/text.h"

enum { CONTEXT = 6, LINES = 4 /* of one field */, LINE_BYTES = 900, ELEMENTS = 5, PATH_WIDTH = 26 };

#define ELLIPSIS "…"

struct text {
    struct diff_run *run;
    FILE *f;
    struct words_diff words;
    struct buf line;
    int lines;
};

/* ---- what pages say ---- */

static void clean_print(struct text *t, trommel_str s)
{
    char *clean = text_clean(s);

    fputs(clean ? clean : "", t->f);
    free(clean);
}

/* As JSON, the beginning of it. */
static void value_print(struct text *t, const char *mark, trommel_str raw)
{
    struct buf cut = BUF_INIT(64 * KIB), json = BUF_INIT(MIB);
    trommel_str s = diff_str(raw);

    if (s.n > 4 * TEXT_BYTES) {
        s = view_cut(s, 4 * TEXT_BYTES);
        mp_str(&cut, s.p, s.n);
        raw = (trommel_str){ (const char *)cut.data, cut.len };
    }
    record_json(raw.p, raw.n, &json); /* if there is no room for all of it, as much as there is */
    fprintf(t->f, "        %s ", mark);
    clean_print(t, (trommel_str){ (const char *)json.data, json.len });
    fputs(json.len > TEXT_BYTES ? " …\n" : "\n", t->f);
    buf_release(&cut);
    buf_release(&json);
}

static void line_end(struct text *t)
{
    if (t->line.len && t->lines++ < LINES) {
        fputs("        ", t->f);
        clean_print(t, (trommel_str){ (const char *)t->line.data, t->line.len });
        fputc('\n', t->f);
    }
    buf_clear(&t->line);
}

static int is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t';
}

/* Its text without the white space around it, which goes around the marks. */
static void piece_add(struct text *t, const struct view_piece *p)
{
    static const char *const before[] = { "", "[-", "{+" }, *const behind[] = { "", "-]", "+}" };
    trommel_str s = view_cut(p->text, LINE_BYTES / 3);
    int is_cut = s.n < p->text.n, is_parted = !s.n || is_blank(s.p[s.n - 1]);

    if (s.n && is_blank(s.p[0]))
        buf_add_byte(&t->line, ' ');
    for (; s.n && is_blank(s.p[0]); s.p++)
        s.n--;
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    buf_add_str(&t->line, before[p->kind]);
    buf_add(&t->line, s.p, s.n);
    buf_add_str(&t->line, is_cut ? ELLIPSIS : "");
    buf_add_str(&t->line, behind[p->kind]);
    buf_add_str(&t->line, is_parted ? " " : "");
}

/* A line holds what lies between two gaps: same [-gone-] {+come+}. */
static int on_piece(void *arg, const struct view_piece *p)
{
    struct text *t = arg;

    if (t->line.len > strlen(ELLIPSIS) && (p->kind == VIEW_GAP || t->line.len > LINE_BYTES)) {
        buf_add_str(&t->line, ELLIPSIS);
        line_end(t);
    }
    if (p->kind == VIEW_GAP) {
        buf_clear(&t->line);
        buf_add_str(&t->line, ELLIPSIS);
        return t->lines == LINES;
    }
    piece_add(t, p);
    return 0;
}

static void words_print(struct text *t)
{
    const struct words_diff *d = &t->words;

    fprintf(t->f, "%.1f %%: %llu words gone, %llu come, %llu the same\n", 100 * words_diff_share(d),
            (unsigned long long)d->gone, (unsigned long long)d->come, (unsigned long long)d->same);
    if (!d->gone && !d->come) {
        fputs("        only what parts the words\n", t->f);
        return;
    }
    words_diff_tidy(&t->words);
    t->lines = 0;
    buf_clear(&t->line);
    diff_view(d, CONTEXT, 16 * LINE_BYTES, on_piece, t);
    if (t->line.len > strlen(ELLIPSIS))
        line_end(t);
}

static void elements_print(struct text *t, const char *mark, const trommel_str *list, uint32_t n)
{
    for (uint32_t i = 0; i < n && i < ELEMENTS; i++)
        value_print(t, mark, list[i]);
    if (n > ELEMENTS)
        fprintf(t->f, "        %s … and %u more\n", mark, n - ELEMENTS);
}

static void list_print(struct text *t, const struct diff_list *l)
{
    fprintf(t->f, "%u of %u gone, %u of %u new\n", l->n_gone, l->n_old, l->n_come, l->n_new);
    if (!l->n_gone && !l->n_come)
        fputs("        only their order\n", t->f);
    elements_print(t, "-", l->gone, l->n_gone);
    elements_print(t, "+", l->come, l->n_come);
}

/* ---- a record ---- */

static int on_part(void *arg, const struct diff_part *p)
{
    static const char *const kinds[DIFF_KINDS] = {
        [DIFF_DIFFERS] = "changed", [DIFF_MISSING] = "lost", [DIFF_EXTRA] = "gained"
    };
    const struct diff_field *f = p->field;
    struct text *t = arg;
    struct diff_list list;
    int has_words = diff_str(f->old_raw).p && diff_str(f->new_raw).p && p->row->how == DIFF_WORDS;

    fputs("    ", t->f);
    clean_print(t, f->path);
    fprintf(t->f, "  (%.2f) ", p->share * p->row->weight);
    if (has_words) {
        words_print(t);
    } else if (p->row->how == DIFF_LIST && diff_list(f->old_raw, f->new_raw, &list) == 0) {
        list_print(t, &list);
        diff_list_release(&list);
    } else {
        fprintf(t->f, "%s\n", kinds[f->kind]);
        if (f->old_raw.n)
            value_print(t, "-", f->old_raw);
        if (f->new_raw.n)
            value_print(t, "+", f->new_raw);
    }
    return ferror(t->f) ? ERR_IO : 0;
}

static int record_print(struct text *t, uint32_t i, const struct diff_changed *c, struct err *err)
{
    char name[DIFF_NAME_MAX];
    trommel_str a, b;
    int rc = diff_run_load(t->run, c, &a, &b, err);

    if (rc < 0)
        return rc;
    fprintf(t->f, "\n%u.  %.2f  ", i + 1, c->magnitude);
    clean_print(t, diff_name(b, name));
    fputc('\n', t->f);
    return diff_parts(diff_run_args(t->run), a, b, &t->words, on_part, t, err);
}

static int changed_print(struct text *t, struct err *err)
{
    uint32_t n;
    const struct diff_changed *changed = diff_run_changed(t->run, &n);
    uint64_t all = diff_run_counts(t->run).changed;
    int rc = 0;

    if (n < all)
        fprintf(t->f, "\nThe %u records that changed most, of %llu (--top shows more):\n", n,
                (unsigned long long)all);
    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = record_print(t, i, &changed[i], err);
    return rc;
}

static int only_print(struct text *t, int in_new, uint64_t all, struct err *err)
{
    uint32_t n;
    const struct place *list = diff_run_only(t->run, in_new, &n);
    int rc = 0;

    if (n)
        fprintf(t->f, "\nonly in %s:\n", in_new ? "new" : "old");
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        char name[DIFF_NAME_MAX];
        trommel_str record;
        rc = diff_run_load_one(t->run, &list[i], &record, err);
        if (rc == 0) {
            fputs("    ", t->f);
            clean_print(t, diff_name(record, name));
            fputc('\n', t->f);
        }
    }
    if (n && n < all)
        fprintf(t->f, "    … and %llu more\n", (unsigned long long)(all - n));
    return rc;
}

/* ---- the head ---- */

static void summary_print(struct text *t, const char *new_name)
{
    struct diff_counts c = diff_run_counts(t->run);
    char left_out[1000];

    diff_left_out(diff_run_args(t->run), left_out, sizeof left_out);
    fputs("old  ", t->f);
    clean_print(t, (trommel_str){ diff_run_old(t->run), strlen(diff_run_old(t->run)) });
    fprintf(t->f, ": %llu records\nnew  ", (unsigned long long)diff_run_old_count(t->run));
    clean_print(t, (trommel_str){ new_name, strlen(new_name) });
    fprintf(t->f, ": %llu records\n", (unsigned long long)(c.equal + c.changed + c.only_new));
    fprintf(t->f, "%llu equal, %llu changed, ", (unsigned long long)c.equal, (unsigned long long)c.changed);
    if (diff_run_is_whole(t->run))
        fprintf(t->f, "%llu only in old, ", (unsigned long long)c.only_old);
    fprintf(t->f, "%llu only in new\n", (unsigned long long)c.only_new);
    if (!diff_run_is_whole(t->run))
        fputs("new was not read to its end: what only old has is not known\n", t->f);
    if (left_out[0])
        fprintf(t->f, "left out: %s\n", left_out);
}

static void fields_print(struct text *t)
{
    uint32_t n;
    const struct diff_field_count *fields = diff_run_fields(t->run, &n);

    if (n)
        fprintf(t->f, "\n%-*s  RECORDS   GAINED     LOST  CHANGED    MEAN    SUM\n", PATH_WIDTH, "FIELD");
    for (uint32_t i = 0; i < n; i++) {
        const struct diff_field_count *c = &fields[i];
        char *path = text_clean((trommel_str){ c->path, strlen(c->path) });
        text_print(t->f, path ? path : "", PATH_WIDTH, 0);
        free(path);
        fprintf(t->f, "%7llu  %7llu  %7llu  %7llu  %5.1f%%  %5.1f\n", (unsigned long long)c->records,
                (unsigned long long)c->gained, (unsigned long long)c->lost, (unsigned long long)c->changed,
                100 * c->shares / (double)c->records, c->magnitudes);
    }
}

int diff_report_text(struct diff_run *r, const char *new_name, FILE *f, struct err *err)
{
    struct text t = { .run = r, .f = f, .line = BUF_INIT(64 * KIB) };
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t old = utf8 ? uselocale(utf8) : (locale_t)0;

    summary_print(&t, new_name);
    fields_print(&t);
    int rc = changed_print(&t, err);
    rc = rc ? rc : only_print(&t, 0, diff_run_counts(r).only_old, err);
    rc = rc ? rc : only_print(&t, 1, diff_run_counts(r).only_new, err);
    if (fflush(f) != 0 || ferror(f))
        rc = err_set(err, ERR_IO, "standard output: cannot be written: %s", strerror(errno));
    words_diff_release(&t.words);
    buf_release(&t.line);
    if (old)
        uselocale(old);
    if (utf8)
        freelocale(utf8);
    return rc;
}
