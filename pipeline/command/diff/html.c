/* html: what changed as one page; see report.h.
 *
 * Each record is made in a buffer of its own, so that the page stays whole and bounded.  A policy in the
 * page's head allows it nothing but its own styles, should a mark-up ever slip through. */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "command/diff/report.h"
#include "command/diff/view.h"
#include "command/html.h"

enum {
    CONTEXT = 25,
    TEXT_BYTES_MAX = 64 * 1024, /* of one text */
    VALUE_BYTES = 4000,
    ELEMENTS = 50,
    RECORD_BYTES = 1024 * 1024, /* beyond it no further field of a record is shown */
    OPEN = 10                   /* records that stand open */
};

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"referrer\" content=\"no-referrer\">\n"
    "<title>trommel diff</title>\n<style>\n"
    ":root{color-scheme:light "
    "dark;--bg:#fff;--fg:#1c1e21;--dim:#667;--line:#d8dbe0;--gone:#ffdede;--come:#d4f5d9;"
    "--gonefg:#8a1020;--comefg:#0b5a1e;--box:#f6f7f9}\n"
    "@media "
    "(prefers-color-scheme:dark){:root{--bg:#16181c;--fg:#e4e6ea;--dim:#9aa;--line:#34383f;--gone:#4a1d22;"
    "--come:#173b22;--gonefg:#ffb3b8;--comefg:#a8ecb8;--box:#1e2126}}\n"
    "body{margin:0 auto;max-width:72rem;padding:1rem;background:var(--bg);color:var(--fg);"
    "font:16px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.4rem}h2{font-size:1.15rem;margin-top:2rem}h3{font-size:1rem;margin:1rem 0 .3rem}\n"
    "a{color:inherit}small,.d{color:var(--dim)}\n"
    "table{border-collapse:collapse;width:100%}.t{overflow-x:auto}\n"
    "th,td{text-align:left;vertical-align:top;padding:.2rem .6rem;border-bottom:1px solid var(--line)}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    ".v,.w,.p{white-space:pre-wrap;overflow-wrap:anywhere}.p{font-family:ui-monospace,monospace;font-size:."
    "9em}\n"
    ".s{table-layout:fixed}.w{background:var(--box);padding:.5rem .8rem;border-radius:.3rem}\n"
    "del{background:var(--gone);color:var(--gonefg)}ins{background:var(--come);color:var(--comefg);"
    "text-decoration:none}\n"
    "details{border:1px solid var(--line);border-radius:.3rem;margin:.6rem 0;padding:.3rem .8rem}\n"
    "summary{cursor:pointer;overflow-wrap:anywhere}\n"
    ".u{font:.75em ui-monospace,monospace;border:1px solid currentColor;border-radius:.2rem;padding:0 "
    ".15rem}\n"
    "ul{margin:.2rem 0;padding-left:1.2rem}\n"
    "</style>\n</head>\n<body>\n<h1 id=\"top\">Records compared</h1>\n";

struct page {
    struct diff_run *run;
    FILE *f;
    uint64_t bytes; /* written */
    struct buf b;   /* the part that is being made */
    struct words_diff words;
    int left_out; /* fields of the record that are not shown */
};

#define PUT(page, text) buf_add_str(&(page)->b, text)

static void put_count(struct page *p, uint64_t n)
{
    buf_printf(&p->b, "%llu", (unsigned long long)n);
}

static void put_cstr(struct page *p, const char *s)
{
    html_text(&p->b, (trommel_str){ s, strlen(s) });
}

/* Writes what was made. */
static int part_end(struct page *p, struct err *err)
{
    int rc = p->b.err;

    if (!rc && p->b.len && fwrite(p->b.data, 1, p->b.len, p->f) != p->b.len)
        rc = ERR_IO;
    p->bytes += p->b.len;
    buf_clear(&p->b);
    return rc ? err_set(err, rc, "--html: cannot be written: %s",
                        rc == ERR_IO ? strerror(errno) : err_text(rc))
              : 0;
}

/* ---- fields ---- */

static void value_put(struct page *p, const char *tag, trommel_str raw)
{
    struct buf json = BUF_INIT(MIB);
    trommel_str s = diff_str(raw);

    if (!raw.n) {
        PUT(p, "<span class=\"d\">not there</span>");
        return;
    }
    if (!s.p) {
        record_json(raw.p, raw.n, &json); /* if there is no room for all of it, as much as there is */
        s = (trommel_str){ (const char *)json.data, json.len };
    }
    buf_printf(&p->b, "<%s class=\"v\" dir=\"auto\">", tag);
    html_text(&p->b, view_cut(s, VALUE_BYTES));
    buf_printf(&p->b, "</%s>", tag);
    if (s.n > VALUE_BYTES)
        PUT(p, " <small>… and more</small>");
    buf_release(&json);
}

static int on_piece(void *arg, const struct view_piece *v)
{
    static const char *const before[] = { "<span>", "<del>", "<ins>" }, *const behind[] = { "</span>",
                                                                                            "</del>",
                                                                                            "</ins>" };
    struct page *p = arg;

    if (v->kind == VIEW_GAP) {
        buf_printf(&p->b, " <small>… %u words …</small> ", v->words);
        return 0;
    }
    PUT(p, before[v->kind]);
    html_text(&p->b, v->text);
    PUT(p, behind[v->kind]);
    return 0;
}

static void words_put(struct page *p)
{
    const struct words_diff *d = &p->words;

    buf_printf(&p->b, "<p class=\"d\">%.1f %%: %llu words gone, %llu come, %llu the same%s</p>\n",
               100 * words_diff_share(d), (unsigned long long)d->gone, (unsigned long long)d->come,
               (unsigned long long)d->same, d->gone || d->come ? "" : "; only what parts them changed");
    if (!d->gone && !d->come)
        return;
    words_diff_tidy(&p->words);
    PUT(p, "<div class=\"w\" dir=\"auto\">");
    diff_view(d, CONTEXT, TEXT_BYTES_MAX, on_piece, p);
    PUT(p, "</div>\n");
}

static void elements_put(struct page *p, const char *tag, const trommel_str *list, uint32_t n)
{
    PUT(p, "<td><ul>");
    for (uint32_t i = 0; i < n && i < ELEMENTS && p->b.len < RECORD_BYTES; i++) {
        PUT(p, "<li>");
        value_put(p, tag, list[i]);
        PUT(p, "</li>");
    }
    PUT(p, "</ul>");
    if (n > ELEMENTS)
        buf_printf(&p->b, "<small>… and %u more</small>", n - ELEMENTS);
    PUT(p, "</td>");
}

static void list_put(struct page *p, const struct diff_list *l)
{
    buf_printf(&p->b, "<table class=\"s\"><tr><th>gone (%u of %u)</th><th>come (%u of %u)</th></tr>\n<tr>",
               l->n_gone, l->n_old, l->n_come, l->n_new);
    elements_put(p, "del", l->gone, l->n_gone);
    elements_put(p, "ins", l->come, l->n_come);
    PUT(p, "</tr></table>\n");
    if (!l->n_gone && !l->n_come)
        PUT(p, "<p class=\"d\">only their order changed</p>\n");
}

static void sides_put(struct page *p, const struct diff_field *f)
{
    PUT(p, "<table class=\"s\"><tr><th>old</th><th>new</th></tr>\n<tr><td>");
    value_put(p, "del", f->old_raw);
    PUT(p, "</td><td>");
    value_put(p, "ins", f->new_raw);
    PUT(p, "</td></tr></table>\n");
}

static int on_part(void *arg, const struct diff_part *part)
{
    const struct diff_field *f = part->field;
    struct page *p = arg;
    struct diff_list list;
    int has_words = diff_str(f->old_raw).p && diff_str(f->new_raw).p && part->row->how == DIFF_WORDS;

    if (p->b.len > RECORD_BYTES) {
        p->left_out++;
        return 0;
    }
    PUT(p, "<h3 class=\"p\">");
    html_text(&p->b, f->path);
    buf_printf(&p->b, " <small>%.2f = %.3g of %g</small></h3>\n", part->share * part->row->weight,
               part->share, part->row->weight);
    if (has_words) {
        words_put(p);
    } else if (part->row->how == DIFF_LIST && diff_list(f->old_raw, f->new_raw, &list) == 0) {
        list_put(p, &list);
        diff_list_release(&list);
    } else {
        sides_put(p, f);
    }
    return 0;
}

/* ---- records ---- */

static void name_put(struct page *p, trommel_str record)
{
    char name[DIFF_NAME_MAX];
    trommel_str s = diff_name(record, name);

    PUT(p, "<bdi>");
    html_text(&p->b, view_cut(s, LIMIT_URL_BYTES));
    PUT(p, "</bdi>");
}

static int record_put(struct page *p, uint32_t i, const struct diff_changed *c, struct err *err)
{
    trommel_str a, b;
    int rc = diff_run_load(p->run, c, &a, &b, err);

    if (rc < 0)
        return rc;
    buf_printf(&p->b, "<details id=\"r%u\"%s>\n<summary>%u. <b>%.2f</b> ", i + 1, i < OPEN ? " open" : "",
               i + 1, c->magnitude);
    name_put(p, b);
    PUT(p, "</summary>\n");
    p->left_out = 0;
    rc = diff_parts(diff_run_args(p->run), a, b, &p->words, on_part, p, err);
    if (p->left_out)
        buf_printf(&p->b, "<p class=\"d\">%d fields more changed</p>\n", p->left_out);
    PUT(p, "<p><a href=\"#top\">top</a></p>\n</details>\n");
    return rc ? rc : part_end(p, err);
}

/* The list of what follows, each with a link to it. */
static int index_put(struct page *p, const struct diff_changed *changed, uint32_t n, struct err *err)
{
    int rc = 0;

    PUT(p, "<div class=\"t\"><table>\n<tr><th class=\"n\">magnitude</th><th>record</th></tr>\n");
    for (uint32_t i = 0; i < n && rc == 0 && p->bytes < DIFF_PAGE_MAX / 2; i++) {
        trommel_str record;
        rc = diff_run_load_one(p->run, &changed[i].old_at, &record, err);
        buf_printf(&p->b, "<tr><td class=\"n\">%.2f</td><td><a href=\"#r%u\">", changed[i].magnitude, i + 1);
        if (rc == 0)
            name_put(p, record);
        PUT(p, "</a></td></tr>\n");
        rc = rc ? rc : part_end(p, err);
    }
    PUT(p, "</table></div>\n");
    return rc;
}

static int changed_put(struct page *p, struct err *err)
{
    uint32_t n, shown = 0;
    const struct diff_changed *changed = diff_run_changed(p->run, &n);
    uint64_t all = diff_run_counts(p->run).changed;

    if (!n)
        return 0;
    if (!diff_run_args(p->run)->top && n > DIFF_TOP) /* all of them are for JSON */
        n = DIFF_TOP;
    buf_printf(&p->b, "<h2 id=\"changed\">Changed most</h2>\n<p class=\"d\">%u of %llu records that changed",
               n, (unsigned long long)all);
    PUT(p, "; gone words stand <del>so</del>, new ones <ins>so</ins></p>\n");
    int rc = index_put(p, changed, n, err);
    while (rc == 0 && shown < n && p->bytes < DIFF_PAGE_MAX) {
        rc = record_put(p, shown, &changed[shown], err);
        shown++;
    }
    if (shown < n)
        buf_printf(&p->b,
                   "<p>The page is full: %u records more are not shown; --ignore and --only make less of "
                   "it.</p>\n",
                   n - shown);
    return rc ? rc : part_end(p, err);
}

static int only_put(struct page *p, int in_new, uint64_t all, struct err *err)
{
    uint32_t n;
    const struct place *list = diff_run_only(p->run, in_new, &n);
    int rc = 0;

    if (!n)
        return 0;
    buf_printf(&p->b, "<h2>Only in %s</h2>\n<ul>\n", in_new ? "new" : "old");
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        trommel_str record;
        PUT(p, "<li>");
        rc = diff_run_load_one(p->run, &list[i], &record, err);
        if (rc == 0)
            name_put(p, record);
        PUT(p, "</li>\n");
    }
    PUT(p, "</ul>\n");
    if (n < all)
        buf_printf(&p->b, "<p>… and %llu more</p>\n", (unsigned long long)(all - n));
    return rc ? rc : part_end(p, err);
}

/* ---- the head ---- */

static void row_put(struct page *p, const char *what, uint64_t n)
{
    buf_printf(&p->b, "<tr><td>%s</td><td class=\"n\">", what);
    put_count(p, n);
    PUT(p, "</td></tr>\n");
}

static void summary_put(struct page *p, const char *new_name)
{
    struct diff_counts c = diff_run_counts(p->run);
    char left_out[1000];

    diff_left_out(diff_run_args(p->run), left_out, sizeof left_out);
    PUT(p, "<p>old: <bdi class=\"p\">");
    put_cstr(p, diff_run_old(p->run));
    PUT(p, "</bdi><br>new: <bdi class=\"p\">");
    put_cstr(p, new_name);
    PUT(p, "</bdi></p>\n<table>\n");
    row_put(p, "equal", c.equal);
    row_put(p, "changed", c.changed);
    if (diff_run_is_whole(p->run))
        row_put(p, "only in old", c.only_old);
    row_put(p, "only in new", c.only_new);
    PUT(p, "</table>\n");
    if (!diff_run_is_whole(p->run))
        PUT(p, "<p>New was not read to its end: what only old has is not known.</p>\n");
    if (left_out[0]) {
        PUT(p, "<p class=\"d\">Left out: ");
        put_cstr(p, left_out);
        PUT(p, "</p>\n");
    }
}

static int fields_put(struct page *p, struct err *err)
{
    uint32_t n;
    const struct diff_field_count *fields = diff_run_fields(p->run, &n);

    if (n)
        PUT(p, "<h2 id=\"fields\">Fields</h2>\n<div class=\"t\"><table>\n<tr><th>field</th><th "
               "class=\"n\">records"
               "</th><th class=\"n\">gained</th><th class=\"n\">lost</th><th class=\"n\">changed</th>"
               "<th class=\"n\">mean</th><th class=\"n\">sum</th></tr>\n");
    for (uint32_t i = 0; i < n; i++) {
        const struct diff_field_count *c = &fields[i];
        PUT(p, "<tr><td class=\"p\">");
        put_cstr(p, c->path);
        buf_printf(&p->b,
                   "</td><td class=\"n\">%llu</td><td class=\"n\">%llu</td><td class=\"n\">%llu</td>"
                   "<td class=\"n\">%llu</td><td class=\"n\">%.1f %%</td><td class=\"n\">%.1f</td></tr>\n",
                   (unsigned long long)c->records, (unsigned long long)c->gained, (unsigned long long)c->lost,
                   (unsigned long long)c->changed, 100 * c->shares / (double)c->records, c->magnitudes);
    }
    if (n)
        PUT(p, "</table></div>\n");
    return part_end(p, err);
}

int diff_report_html(struct diff_run *r, const char *new_name, FILE *f, struct err *err)
{
    struct page p = { .run = r, .f = f, .b = BUF_INIT(16 * MIB) };

    PUT(&p, head);
    summary_put(&p, new_name);
    int rc = fields_put(&p, err);
    rc = rc ? rc : changed_put(&p, err);
    rc = rc ? rc : only_put(&p, 0, diff_run_counts(r).only_old, err);
    rc = rc ? rc : only_put(&p, 1, diff_run_counts(r).only_new, err);
    PUT(&p, "</body>\n</html>\n");
    rc = rc ? rc : part_end(&p, err);
    words_diff_release(&p.words);
    buf_release(&p.b);
    return rc;
}
