/* drive: runs stages over a data folder or one file in this process, and measures them.
 *
 * usage: drive [-o "STAGE.so options"]... DATA_DIR STAGE.so... > records.jsonl
 *        drive --file FILE [--type MIME] [--url URL] STAGE.so...
 *
 * Prints a record a line with content, layout and links, for eval scripts; CPU time of the parse and of
 * every stage goes to stderr. */
#include <dlfcn.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <trommel/names.h>

#include "base/limits.h"
#include "host.h"
#include "pages.h"

struct driver {
    struct trommel_ctx ctx[HOST_STAGES];
    unsigned n;
    double parse_ns, ns[HOST_STAGES], bytes;
    unsigned pages;
};

static const char *const kinds[] = { "unknown", "content", "navigation", "related", "pagination", "canonical",
                                     "alternate" };

static json_t *to_json(const trommel_val *v)
{
    switch (v ? v->type : TROMMEL_T_NIL) {
    case TROMMEL_T_STR: return json_stringn_nocheck(v->u.p, v->n);
    case TROMMEL_T_F64: return json_real(v->u.d);
    case TROMMEL_T_I64: return json_integer(v->u.i);
    default: return json_null();
    }
}

static json_t *links_json(const trommel_dom *d, const trommel_val *kind)
{
    json_t *list = json_array();

    for (uint32_t i = 0; kind && i < d->n_nodes; i++) {
        const trommel_node *x = TROMMEL_NODE(d, i);
        if (x->kind != TROMMEL_NODE_ELEMENT || x->tag != TROMMEL_TAG_A)
            continue;
        char text[4096];
        size_t n = 0;
        for (uint32_t k = i + 1; k < x->end; k++) {
            const trommel_node *t = TROMMEL_NODE(d, k);
            if (t->kind == TROMMEL_NODE_TEXT && n + t->text_n < sizeof text) {
                memcpy(text + n, d->strs + t->text, t->text_n);
                n += t->text_n;
            }
        }
        json_array_append_new(list, json_pack("{s:o,s:s}", "text", json_stringn_nocheck(text, n), "kind",
                                              kinds[((const uint8_t *)kind->u.p)[i]]));
    }
    return list;
}

static void record_print(const char *id, const struct trommel_page *page)
{
    json_t *rec = json_object(), *content = json_object(), *layout = json_object();

    json_object_set_new(rec, "id", json_string(id));
    json_object_set_new(content, "text", to_json(host_value(page, "content.text")));
    json_object_set_new(content, "markdown", to_json(host_value(page, "content.markdown")));
    json_object_set_new(content, "confidence", to_json(host_value(page, "content.confidence")));
    json_object_set_new(content, "words", to_json(host_value(page, "content.words")));
    json_object_set_new(layout, "type", to_json(host_value(page, "layout.type")));
    json_object_set_new(layout, "confidence", to_json(host_value(page, "layout.confidence")));
    json_object_set_new(layout, "template", to_json(host_value(page, "layout.template")));
    json_object_set_new(rec, "content", content);
    json_object_set_new(rec, "layout", layout);
    json_object_set_new(rec, "links", links_json(page->dom, host_value(page, "links.kind")));
    json_dumpf(rec, stdout, JSON_ENSURE_ASCII | JSON_COMPACT);
    putchar('\n');
    json_decref(rec);
}

static void each(struct page_file *f, struct arena *a, double parse_ns, void *arg)
{
    struct driver *d = arg;
    struct trommel_page page = { .arena = a, .dom = &f->parsed.dom, .url = { f->url, strlen(f->url) },
                                 .base = f->parsed.base_url, .body = f->parsed.text };

    d->parse_ns += parse_ns;
    d->bytes += (double)f->body_n;
    d->pages++;
    for (unsigned i = 0; i < d->n; i++) {
        double from = cpu_ns();
        uint32_t verdict = host_run(&d->ctx[i], &page);
        d->ns[i] += cpu_ns() - from;
        if (verdict != TROMMEL_CONTINUE)
            fprintf(stderr, "%s: %s gave %u: %s\n", f->id, d->ctx[i].stage->id, verdict, page.failed);
    }
    record_print(f->id, &page);
}

static void one_file(struct driver *d, const char *path, const char *type, const char *url)
{
    struct parse_limits limits = PARSE_LIMITS_DEFAULT;
    struct parse *parse = parse_new(&limits);
    static char body[16 << 20];
    FILE *in = fopen(path, "rb");
    struct page_file f = { .url = "" };
    struct arena a;

    if (!in || !parse) {
        perror(path);
        exit(3);
    }
    f.body = body;
    f.body_n = fread(body, 1, sizeof body, in);
    fclose(in);
    snprintf(f.id, sizeof f.id, "page");
    snprintf(f.url, sizeof f.url, "%s", url);
    arena_init(&a, LIMIT_ARENA_BYTES);
    struct parse_input input = { .url = { f.url, strlen(f.url) }, .content_type = { type, strlen(type) },
                                 .body = { f.body, f.body_n } };
    double from = cpu_ns();
    if (parse_page(parse, &input, &a, &f.parsed) || f.parsed.kind == PARSE_NONE) {
        fprintf(stderr, "%s: not parsed (%s)\n", path, f.parsed.reason ? f.parsed.reason : "memory");
        exit(1);
    }
    each(&f, &a, cpu_ns() - from, d);
    arena_release(&a);
    parse_free(parse);
}

static void stage_load(struct driver *d, const char *path, const char *options)
{
    void *so = dlopen(path, RTLD_NOW);
    const trommel_stage *(*entry)(uint32_t, uint32_t) = NULL;

    if (so)
        *(void **)&entry = dlsym(so, "trommel_stage_entry");
    if (!entry || d->n == HOST_STAGES || host_open(&d->ctx[d->n], entry(TROMMEL_ABI_MAJOR, 0), options)) {
        fprintf(stderr, "%s: no stage: %s\n", path, so ? "entry or configure failed" : dlerror());
        exit(3);
    }
    d->n++;
}

int main(int argc, char **argv)
{
    const char *dir = NULL, *file = NULL, *type = "text/html", *url = "", *options = NULL;
    static struct driver d;

    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && !strcmp(argv[i], "--file"))
            file = argv[++i];
        else if (i + 1 < argc && !strcmp(argv[i], "--type"))
            type = argv[++i];
        else if (i + 1 < argc && !strcmp(argv[i], "--url"))
            url = argv[++i];
        else if (i + 1 < argc && !strcmp(argv[i], "-o"))
            options = argv[++i];
        else if (!dir && !file)
            dir = argv[i];
        else
            stage_load(&d, argv[i], options);
    }
    if ((!dir && !file) || !d.n) {
        fprintf(stderr,
                "usage: drive [-o OPTIONS] DATA_DIR | --file FILE [--type MIME] [--url URL]  STAGE.so...\n");
        return 2;
    }
    if (file)
        one_file(&d, file, type, url);
    else if (pages_each(dir, each, &d) < 0)
        return 3;
    fprintf(stderr, "%u pages, %.0f KB a page; parse %.3f ms", d.pages, d.bytes / d.pages / 1e3,
            d.parse_ns / d.pages / 1e6);
    for (unsigned i = 0; i < d.n; i++)
        fprintf(stderr, "; %s %.3f ms (%.2f)", d.ctx[i].stage->id, d.ns[i] / d.pages / 1e6,
                d.ns[i] / d.parse_ns);
    fputc('\n', stderr);
    return 0;
}
