/* ctl_print: see ctl_print.h.  Texts come from the crawl, and some of them from its stages: they are cleaned.
 */
#include "command/ctl_print.h"

#include <inttypes.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "command/text.h"

enum { COLUMNS_MAX = 10, WIDTH_MAX = 60, LABEL = 11, WORST_SHOWN = 5, CELL_BYTES = 1000 };

/* ---- reading ---- */

static const json_t *at(const json_t *o, const char *path)
{
    char key[64];

    while (o && *path) {
        size_t n = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)n, path);
        o = json_object_get(o, key);
        path += n + (path[n] == '.');
    }
    return json_is_null(o) ? NULL : o;
}

static const char *str_at(const json_t *o, const char *path)
{
    const char *s = json_string_value(at(o, path));

    return s ? s : "";
}

static uint64_t u64_at(const json_t *o, const char *path)
{
    json_int_t n = json_integer_value(at(o, path));

    return n > 0 ? (uint64_t)n : 0;
}

static double f64_at(const json_t *o, const char *path)
{
    return json_number_value(at(o, path));
}

/* A value as text, in buf. */
static const char *value_text(const json_t *v, char *buf, size_t cap)
{
    buf[0] = 0;
    if (json_is_string(v))
        snprintf(buf, cap, "%s", json_string_value(v));
    else if (json_is_integer(v))
        snprintf(buf, cap, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        snprintf(buf, cap, "%.4g", json_real_value(v));
    else if (json_is_boolean(v))
        snprintf(buf, cap, "%s", json_is_true(v) ? "yes" : "no");
    else if (v && !json_is_null(v)) {
        size_t n = json_dumpb(v, buf, cap - 1, JSON_COMPACT | JSON_ENCODE_ANY);
        buf[n < cap - 1 ? n : cap - 1] = 0;
    }
    return buf;
}

/* ---- writing ---- */

/* Prints cleaned text of any length a line; "" is nothing. */
__attribute__((format(printf, 3, 4))) static void line(FILE *f, const char *label, const char *fmt, ...)
{
    char text[2000];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    char *clean = text_clean((trommel_str){ text, strlen(text) });
    if (clean && *clean)
        fprintf(f, "%-*s%s%s\n", *label ? LABEL : 0, label, *label ? " " : "", clean);
    free(clean);
}

/* A table: rows of cells, each as wide as its widest. */
struct grid {
    unsigned columns;
    const char *const *heads;
    char *(*rows)[COLUMNS_MAX];
    size_t n;
};

/* Takes the cells' texts from `v`, by the paths. */
static void grid_add(struct grid *g, const json_t *v, const char *const *paths)
{
    char buf[CELL_BYTES];

    g->rows = realloc(g->rows, (g->n + 1) * sizeof *g->rows);
    if (!g->rows)
        abort();
    for (unsigned c = 0; c < g->columns; c++) {
        value_text(at(v, paths[c]), buf, sizeof buf);
        g->rows[g->n][c] = text_clean((trommel_str){ buf, strlen(buf) });
        if (!g->rows[g->n][c])
            abort();
    }
    g->n++;
}

static void grid_print(FILE *f, struct grid *g)
{
    unsigned width[COLUMNS_MAX];

    for (unsigned c = 0; c < g->columns; c++) {
        width[c] = text_width(g->heads[c]);
        for (size_t i = 0; i < g->n; i++)
            if (text_width(g->rows[i][c]) > width[c])
                width[c] = text_width(g->rows[i][c]);
        if (c + 1 < g->columns && width[c] > WIDTH_MAX)
            width[c] = WIDTH_MAX;
    }
    for (unsigned c = 0; g->n && c < g->columns; c++)
        text_print(f, g->heads[c], width[c], c + 1 == g->columns);
    fputs(g->n ? "\n" : "", f);
    for (size_t i = 0; i < g->n; i++) {
        for (unsigned c = 0; c < g->columns; c++) {
            text_print(f, g->rows[i][c], width[c], c + 1 == g->columns);
            free(g->rows[i][c]);
        }
        fputc('\n', f);
    }
    free(g->rows);
}

/* A table of the objects in a list. */
static void list_print(FILE *f, const json_t *list, const char *const *heads, const char *const *paths,
                       unsigned columns)
{
    struct grid g = { .columns = columns, .heads = heads };

    for (size_t i = 0; i < json_array_size(list); i++)
        grid_add(&g, json_array_get(list, i), paths);
    grid_print(f, &g);
}
#define LIST_PRINT(f, list, heads, paths) list_print(f, list, heads, paths, sizeof heads / sizeof heads[0])

static const char *duration(double s, char buf[40])
{
    unsigned long long whole = s > 0 ? (unsigned long long)s : 0;

    if (s < 60)
        snprintf(buf, 40, "%.1f s", s);
    else if (s < 3600)
        snprintf(buf, 40, "%llu min %llu s", whole / 60, whole % 60);
    else if (s < 86400)
        snprintf(buf, 40, "%llu h %llu min", whole / 3600, whole / 60 % 60);
    else
        snprintf(buf, 40, "%llu d %llu h", whole / 86400, whole / 3600 % 24);
    return buf;
}

/* ---- the forms ---- */

static void status(FILE *f, const json_t *o)
{
    static const char *const heads[] = { "GENERATION", "STATE",   "WORKERS",   "READY",  "PAGES",
                                         "ERRORS",     "CRASHES", "FALLBACKS", "PENDING" };
    static const char *const paths[] = { "generation", "state",   "workers",   "workers_ready", "pages",
                                         "errors",     "crashes", "fallbacks", "pending" };
    char buf[40];

    line(f, "job", "%s (process %" PRIu64 ", Trommel %s)", str_at(o, "job"), u64_at(o, "pid"),
         str_at(o, "version"));
    line(f, "state", "%s, for %s%s%s", str_at(o, "state"), duration(f64_at(o, "uptime_s"), buf),
         at(o, "stopped") ? "; " : "", str_at(o, "stopped"));
    line(f, "pages",
         "%" PRIu64 " (%.1f pages/s, %.2f MB/s): %" PRIu64 " ok, %" PRIu64 " without content, %" PRIu64
         " failed, %" PRIu64 " dropped, %" PRIu64 " quarantined",
         u64_at(o, "pages"), f64_at(o, "pages_s"), f64_at(o, "mb_s"), u64_at(o, "counts.outcomes.ok"),
         u64_at(o, "counts.outcomes.no_content"), u64_at(o, "counts.outcomes.failed"),
         u64_at(o, "counts.outcomes.dropped"), u64_at(o, "counts.outcomes.quarantined"));
    line(f, "queue", "%" PRIu64 " queued, %" PRIu64 " under way, %" PRIu64 " done, on %" PRIu64 " hosts",
         u64_at(o, "queue.queued"), u64_at(o, "queue.in_flight"), u64_at(o, "queue.done"),
         u64_at(o, "queue.hosts"));
    line(f, "under way",
         "%" PRIu64 " fetching, %" PRIu64 " waiting for the chain, %" PRIu64 " in it, %" PRIu64
         " to the sink",
         u64_at(o, "fetching"), u64_at(o, "waiting"), u64_at(o, "in_chain"), u64_at(o, "sink.pending"));
    line(f, "sink", "%s%s%s", str_at(o, "sink.out"), at(o, "sink.trouble") ? ": TROUBLE: " : "",
         str_at(o, "sink.trouble"));
    if (at(o, "sink.dead_letters_trouble"))
        line(f, "", "dead letters: TROUBLE: %s", str_at(o, "sink.dead_letters_trouble"));
    line(f, "budget", "%.1f of %.1f MB, at most %.1f so far", f64_at(o, "budget.used") / 1e6,
         f64_at(o, "budget.total") / 1e6, f64_at(o, "budget.peak") / 1e6);
    line(f, "memory", "%.1f MB without the workers, at most %.1f so far", f64_at(o, "memory.resident") / 1e6,
         f64_at(o, "memory.peak") / 1e6);
    line(f, "chain", "generation %" PRIu64 " since %s, hash %s; %" PRIu64 " changes so far",
         u64_at(o, "chain.generation"), str_at(o, "chain.since"), str_at(o, "chain.hash"),
         u64_at(o, "chain.changes"));
    if (at(o, "chain.doing"))
        line(f, "change", "under way: %s", str_at(o, "chain.doing"));
    fputc('\n', f);
    LIST_PRINT(f, at(o, "generations"), heads, paths);
}

static void stages(FILE *f, const json_t *o)
{
    static const char *const heads[] = { "STAGE", "VERSION", "HASH", "FILE", "OPTIONS" };
    static const char *const paths[] = { "id", "version", "sha", "file", "options" };

    line(f, "", "generation %" PRIu64 ", %s since %s, hash %s", u64_at(o, "generation"), str_at(o, "state"),
         str_at(o, "since"), str_at(o, "hash"));
    if (at(o, "probation"))
        line(f, "",
             "probation: %" PRIu64 " of %" PRIu64 " pages, %.1f of %.1f s; generation %" PRIu64 " stands by",
             u64_at(o, "probation.pages"), u64_at(o, "probation.of_pages"), f64_at(o, "probation.ms") / 1000,
             f64_at(o, "probation.of_ms") / 1000, u64_at(o, "behind"));
    if (at(o, "doing"))
        line(f, "", "a change is under way: %s", str_at(o, "doing"));
    fputc('\n', f);
    LIST_PRINT(f, at(o, "stages"), heads, paths);
}

static void history(FILE *f, const json_t *list)
{
    static const char *const heads[] = { "GENERATION", "AT", "CHANGE", "BY", "RESULT", "MESSAGE" };
    static const char *const paths[] = { "generation", "at", "change", "by", "result", "message" };

    if (!json_array_size(list))
        line(f, "", "no change so far");
    LIST_PRINT(f, list, heads, paths);
}

/* {name: pages} in one line, as far as it goes. */
static void counts_print(FILE *f, const char *label, const json_t *counts)
{
    const char *name;
    const json_t *n;
    char text[1500] = "", buf[200];
    size_t len = 0;

    json_object_foreach((json_t *)counts, name, n)
    {
        int k = snprintf(text + len, sizeof text - len, "%s%s %s", len ? ", " : "", name,
                         value_text(n, buf, sizeof buf));
        if (k < 0 || (size_t)k >= sizeof text - len)
            break;
        len += (size_t)k;
    }
    line(f, label, "%s", text);
}

static void change(FILE *f, const json_t *o)
{
    const json_t *golden = at(o, "golden");

    line(f, "", "%s", str_at(o, "message"));
    line(f, "generation", "%" PRIu64 "%s", u64_at(o, "live"),
         u64_at(o, "live") == u64_at(o, "generation") ? " is live" : " is live, as before");
    if (golden) {
        line(f, "golden",
             "%" PRIu64 " pages: %" PRIu64 " equal, %" PRIu64 " differ, %" PRIu64 " failed (%" PRIu64
             " with the chain before), CPU time %.2f times",
             u64_at(golden, "pages"), u64_at(golden, "equal"), u64_at(golden, "differ"),
             u64_at(golden, "failed"), u64_at(golden, "failed_live"), f64_at(golden, "slower"));
        counts_print(f, "differ", at(golden, "fields"));
        counts_print(f, "missing", at(golden, "missing"));
        counts_print(f, "extra", at(golden, "extra"));
    }
    if (u64_at(o, "load_us"))
        line(f, "took", "%.1f ms: loaded after %.1f, golden pages done after %.1f",
             f64_at(o, "live_us") / 1000, f64_at(o, "load_us") / 1000, f64_at(o, "golden_us") / 1000);
}

static void state(FILE *f, const json_t *o)
{
    line(f, "", "%s%s", str_at(o, "state"), json_is_false(at(o, "changed")) ? ", as before" : "");
}

static void shadow_worst(FILE *f, const json_t *worst)
{
    for (size_t i = 0; i < json_array_size(worst) && i < WORST_SHOWN; i++) {
        const json_t *page = json_array_get(worst, i), *fields = at(page, "fields");
        line(f, "", "%s (%s, live: %s)", str_at(page, "url"), str_at(page, "outcome"),
             str_at(page, "outcome_live"));
        for (size_t k = 0; k < json_array_size(fields); k++) {
            const json_t *field = json_array_get(fields, k);
            char live[200], other[200];
            fputs("    ", f);
            line(f, "", "%s %s: %s -> %s", str_at(field, "path"), str_at(field, "kind"),
                 value_text(at(field, "live"), live, sizeof live),
                 value_text(at(field, "shadow"), other, sizeof other));
        }
    }
}

static void shadow(FILE *f, const json_t *o)
{
    static const char *const heads[] = { "FIELD", "DIFFERS", "MISSING", "EXTRA" };
    static const char *const paths[] = { "name", "differs", "missing", "extra" };
    struct grid g = { .columns = 4, .heads = heads };
    const char *name;
    const json_t *counts;

    line(f, "shadow", "%s: %s, generation %" PRIu64 " beside %" PRIu64 ", %.3g %% of the pages",
         str_at(o, "state"), str_at(o, "what"), u64_at(o, "generation"), u64_at(o, "beside"),
         100 * f64_at(o, "sample"));
    line(f, "", "%s", str_at(o, "message"));
    line(f, "pages",
         "%" PRIu64 " compared, %" PRIu64 " of them equal; %" PRIu64 " seen, %" PRIu64 " sampled, %" PRIu64
         " shed, %" PRIu64 " not compared, %" PRIu64 " under way",
         u64_at(o, "pages"), u64_at(o, "equal"), u64_at(o, "seen"), u64_at(o, "sampled"), u64_at(o, "shed"),
         u64_at(o, "uncompared"), u64_at(o, "pending"));
    line(f, "fields", "%" PRIu64 " differ, %" PRIu64 " missing, %" PRIu64 " extra", u64_at(o, "differs"),
         u64_at(o, "missing"), u64_at(o, "extra"));
    line(f, "failed", "%" PRIu64 " pages, %" PRIu64 " in the live chain", u64_at(o, "failed"),
         u64_at(o, "failed_live"));
    if (u64_at(o, "pages"))
        line(f, "CPU time", "%.2f times that of the live chain", f64_at(o, "slower"));
    json_object_foreach((json_t *)at(o, "fields"), name, counts)
    {
        json_t *row = json_copy((json_t *)counts);
        json_object_set_new(row, "name", json_string(name));
        grid_add(&g, row, paths);
        json_decref(row);
    }
    fputs(g.n ? "\n" : "", f);
    grid_print(f, &g);
    fputs(json_array_size(at(o, "worst")) ? "\n" : "", f);
    shadow_worst(f, at(o, "worst"));
}

static const struct form {
    const char *cmd;
    void (*print)(FILE *f, const json_t *result);
} forms[] = {
    { "status", status },      { "stages", stages },       { "history", history },
    { "pause", state },        { "resume", state },        { "stop", state },
    { "stage.add", change },   { "stage.remove", change }, { "stage.replace", change },
    { "stage.set", change },   { "reorder", change },      { "reload", change },
    { "rollback", change },    { "shadow", shadow },       { "shadow.report", shadow },
    { "shadow.stop", shadow },
};

static const struct form *form_find(const char *cmd)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (!strcmp(forms[i].cmd, cmd))
            return &forms[i];
    return NULL;
}

void ctl_print(FILE *f, const char *cmd, const json_t *result)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t old = utf8 ? uselocale(utf8) : (locale_t)0;
    const struct form *form = form_find(cmd);

    if (form) {
        form->print(f, result);
    } else {
        json_dumpf(result, f, JSON_INDENT(1) | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
        fputc('\n', f);
    }
    if (old)
        uselocale(old);
    if (utf8)
        freelocale(utf8);
}
