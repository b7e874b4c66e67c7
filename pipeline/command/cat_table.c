/* cat_table: see cat_table.h. */
#include "command/cat_table.h"

#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "command/text.h"
#include "record/record.h"

#define HELD_MAX 500  /* rows that the widths are fitted to */
#define GAP TEXT_GAP

enum { COL_URL, COL_LAYOUT, COL_TITLE, COL_DATE, COL_RELATION, COL_SPAM, COLS };
static const struct {
    const char *head;
    unsigned max; /* 0: shares what the others leave */
} columns_of[COLS] = {
    [COL_URL] = { "URL", 0 },    [COL_LAYOUT] = { "LAYOUT", 16 },   [COL_TITLE] = { "TITLE", 0 },
    [COL_DATE] = { "DATE", 10 }, [COL_RELATION] = { "RELATION", 8 }, [COL_SPAM] = { "SPAM", 5 },
};

struct row {
    char *cells[COLS]; /* UTF-8, clean */
};
struct cat_table {
    FILE *out;
    unsigned columns, width[COLS];
    int fitted;
    struct row rows[HELD_MAX];
    size_t n;
    locale_t locale;
};

/* ---- cells -------------------------------------------------------------------------------------- */

static char *cell_text(const void *p, size_t n, const char *path)
{
    return text_clean(record_get_str(p, n, path));
}

static char *cell_url(const void *p, size_t n)
{
    trommel_str s = record_get_str(p, n, "url");

    if (!s.n)
        s = record_get_str(p, n, "id");
    for (size_t i = 0; i + 2 < s.n && i < 8; i++)
        if (!memcmp(s.p + i, "://", 3))
            return text_clean((trommel_str){ s.p + i + 3, s.n - i - 3 });
    return text_clean(s);
}

/* The title; for pages that are not ok, what became of them. */
static char *cell_title(const void *p, size_t n)
{
    trommel_str title = record_get_str(p, n, "meta.title"), code = record_get_str(p, n, "outcome.code");
    trommel_str reason = record_get_str(p, n, "outcome.reason");
    char line[300];

    if ((title.n && (code.n == 2 || !code.n)) || !code.n || (code.n == 2 && !memcmp(code.p, "ok", 2)))
        return text_clean(title);
    int k = snprintf(line, sizeof line, "(%.*s%s%.*s)%s", (int)(code.n < 40 ? code.n : 40), code.p,
                     reason.n ? ": " : "", (int)(reason.n < 100 ? reason.n : 100), reason.p ? reason.p : "",
                     title.n ? " " : "");
    if (k > 0 && title.n)
        snprintf(line + k, sizeof line - (size_t)k, "%.*s", (int)(title.n < 120 ? title.n : 120), title.p);
    return text_clean((trommel_str){ line, strlen(line) });
}

static char *cell_date(const void *p, size_t n)
{
    trommel_str s = record_get_str(p, n, "meta.published");

    if (!s.n)
        s = record_get_str(p, n, "meta.modified");
    if (s.n > 10)
        s.n = 10;
    return text_clean(s);
}

static char *cell_spam(const void *p, size_t n)
{
    struct mp_value v;
    char text[16];

    if (record_get(p, n, "spam.score", &v) < 0)
        return strdup("");
    double d = -1;
    if (v.type == MP_F64)
        d = v.u.d;
    else if (v.type == MP_INT || v.type == MP_UINT) /* 0 or 1 are the same either way */
        d = (double)v.u.i;
    if (!(d >= 0 && d <= 1))
        return strdup("");
    snprintf(text, sizeof text, "%.2f", d);
    return strdup(text);
}

static struct row row_of(const void *p, size_t n)
{
    return (struct row){ { [COL_URL] = cell_url(p, n),
                           [COL_LAYOUT] = cell_text(p, n, "layout.type"),
                           [COL_TITLE] = cell_title(p, n),
                           [COL_DATE] = cell_date(p, n),
                           [COL_RELATION] = cell_text(p, n, "dedupe.relation"),
                           [COL_SPAM] = cell_spam(p, n) } };
}

static const char *cell_of(const struct row *r, int c)
{
    return r->cells[c] ? r->cells[c] : "";
}

static void row_release(struct row *r)
{
    for (int c = 0; c < COLS; c++)
        free(r->cells[c]);
}

/* ---- lines -------------------------------------------------------------------------------------- */

static void row_print(const struct cat_table *t, const struct row *r)
{
    int last = COLS - 1;

    while (last > 0 && !cell_of(r, last)[0])
        last--;
    for (int c = 0; c <= last; c++)
        text_print(t->out, cell_of(r, c), t->width[c], c == last);
    fputc('\n', t->out);
}

/* Widths from the rows held; URL and title share what is left, each at least half of it if it needs it. */
static void fit(struct cat_table *t)
{
    unsigned others = GAP * (COLS - 1), left;

    for (int c = 0; c < COLS; c++) {
        t->width[c] = (unsigned)strlen(columns_of[c].head);
        for (size_t i = 0; i < t->n; i++) {
            unsigned w = text_width(cell_of(&t->rows[i], c));
            t->width[c] = w > t->width[c] ? w : t->width[c];
        }
        if (columns_of[c].max && t->width[c] > columns_of[c].max)
            t->width[c] = columns_of[c].max;
        others += columns_of[c].max ? t->width[c] : 0;
    }
    left = t->columns > others + 20 ? t->columns - others : 20;
    unsigned url = t->width[COL_URL], title = t->width[COL_TITLE];
    if (url + title > left) {
        t->width[COL_URL] = url <= left / 2 ? url : title <= left / 2 ? left - title : left / 2;
        t->width[COL_TITLE] = left - t->width[COL_URL];
    }
    t->fitted = 1;
}

static void held_print(struct cat_table *t)
{
    struct row heads;

    fit(t);
    for (int c = 0; c < COLS; c++)
        heads.cells[c] = (char *)columns_of[c].head;
    if (t->n)
        row_print(t, &heads);
    for (size_t i = 0; i < t->n; i++) {
        row_print(t, &t->rows[i]);
        row_release(&t->rows[i]);
    }
    t->n = 0;
}

static unsigned terminal_columns(FILE *f)
{
    struct winsize ws;
    const char *env = getenv("COLUMNS");
    long n = env ? strtol(env, NULL, 10) : 0;

    if (isatty(fileno(f)) && ioctl(fileno(f), TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
        return ws.ws_col;
    return n > 0 && n < 10000 ? (unsigned)n : 120;
}

struct cat_table *cat_table_new(FILE *out, unsigned columns)
{
    struct cat_table *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->out = out;
    t->columns = columns ? columns : terminal_columns(out);
    t->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return t;
}

void cat_table_add(struct cat_table *t, const void *record, size_t n)
{
    locale_t old = t->locale ? uselocale(t->locale) : (locale_t)0;
    struct row r = row_of(record, n);

    if (!t->fitted && t->n == HELD_MAX)
        held_print(t);
    if (t->fitted) {
        row_print(t, &r);
        row_release(&r);
    } else {
        t->rows[t->n++] = r;
    }
    if (old)
        uselocale(old);
}

void cat_table_free(struct cat_table *t)
{
    locale_t old;

    if (!t)
        return;
    old = t->locale ? uselocale(t->locale) : (locale_t)0;
    if (!t->fitted)
        held_print(t);
    if (old)
        uselocale(old);
    if (t->locale)
        freelocale(t->locale);
    free(t);
}
