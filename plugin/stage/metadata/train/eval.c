/* eval: runs pages through the metadata stage in this process and prints a JSON line each.
 *
 *     eval [-c] [-t] < LIST        a line of LIST: ID TAB URL TAB FILE (html, or html.gz)
 *
 * Prints {"id":…,"meta":{…}} as eval scripts expect, with -c {"id":…,"kind":…,"cands":[{"t":…,"b":bits}]}
 * for rank.py, with -t the time of the stage and of the parser a page in total.  A file's name that ends in
 * .txt is text/plain.  train.sh builds it. */
#include <inttypes.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/limits.h"
#include "parse/parse.h"
#include "parse/url.h"
#include "plugin/stage/metadata/rank.h"

static struct arena arena;
static struct parse_output out;
static trommel_str page_url;
static struct url_parser *urls;
static const char *cur_id;
static const trommel_stage *stage;
static trommel_val put_val[32];
static int put_set[32], cands;

static void h_log(trommel_ctx *c, uint32_t level, const char *m, size_t n)
{
    fprintf(stderr, "%.*s\n", (int)n, m);
}
static void h_metric(trommel_ctx *c, uint32_t m, double v)
{
}
static void h_fail(trommel_ctx *c, uint32_t r, const char *m, size_t n)
{
    fprintf(stderr, "%s: %.*s\n", cur_id, (int)n, m);
}
static uint64_t h_now(trommel_ctx *c)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static int32_t h_opt(trommel_ctx *c, uint32_t o, trommel_val *v)
{
    return TROMMEL_E_ABSENT;
}
static void *h_alloc(trommel_page *p, size_t n, size_t align)
{
    return arena_alloc(&arena, n, align);
}
static const trommel_dom *h_dom(trommel_page *p)
{
    return &out.dom;
}
static int32_t h_meta(trommel_page *p, uint32_t what, trommel_str key, trommel_str *ret)
{
    if (what != TROMMEL_META_URL && what != TROMMEL_META_FINAL_URL)
        return TROMMEL_E_ABSENT;
    *ret = page_url;
    return page_url.n ? TROMMEL_OK : TROMMEL_E_ABSENT;
}
static int32_t h_get(trommel_page *p, uint32_t need, trommel_val *v)
{
    return TROMMEL_E_ABSENT;
}
static int32_t h_put(trommel_page *p, uint32_t i, const trommel_val *v)
{
    void *copy = malloc(v->n + 1);
    memcpy(copy, v->u.p, v->n);
    put_val[i] = *v;
    put_val[i].u.p = copy;
    put_set[i] = 1;
    return TROMMEL_OK;
}
static int32_t h_extra(trommel_page *p, trommel_str k, const trommel_val *v)
{
    return TROMMEL_E_NOSYS;
}
static uint32_t h_stop(trommel_page *p)
{
    return 0;
}
static int32_t u_resolve(trommel_page *p, trommel_str ref, trommel_str *ret)
{
    return url_resolve(urls, out.base_url, ref, &arena, ret) ? TROMMEL_E_INVALID : TROMMEL_OK;
}
static const trommel_url_service url_table = { sizeof url_table, 0, u_resolve };
static const void *h_service(trommel_ctx *c, const char *id)
{
    return strcmp(id, TROMMEL_SERVICE_URL) ? NULL : &url_table;
}

static const trommel_host host = {
    sizeof host, TROMMEL_ABI_MINOR, h_log,   h_metric, h_fail, h_now,
    h_opt,       h_service,         h_alloc, h_dom,    h_meta, h_get,
    h_put,       h_extra,           h_stop,
};

static void print_str(const char *p, size_t n)
{
    putchar('"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void print_object(const msgpack_object *o)
{
    switch (o->type) {
    case MSGPACK_OBJECT_STR:
        print_str(o->via.str.ptr, o->via.str.size);
        break;
    case MSGPACK_OBJECT_ARRAY:
        putchar('[');
        for (uint32_t i = 0; i < o->via.array.size; i++) {
            if (i)
                putchar(',');
            print_object(&o->via.array.ptr[i]);
        }
        putchar(']');
        break;
    case MSGPACK_OBJECT_MAP:
        putchar('{');
        for (uint32_t i = 0; i < o->via.map.size; i++) {
            if (i)
                putchar(',');
            print_object(&o->via.map.ptr[i].key);
            putchar(':');
            print_object(&o->via.map.ptr[i].val);
        }
        putchar('}');
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        printf("%" PRId64, o->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT64:
        printf("%g", o->via.f64);
        break;
    default:
        printf("null");
    }
}

static void print_record(void)
{
    printf("{\"id\":\"%s\",\"meta\":{", cur_id);
    int first = 1;
    for (uint32_t i = 0; i < stage->n_provides; i++) {
        if (!put_set[i])
            continue;
        const char *name = stage->provides[i].name;
        if (strncmp(name, "meta.", 5) == 0)
            name += 5;
        printf("%s\"%s\":", first ? "" : ",", name);
        first = 0;
        if (put_val[i].type == TROMMEL_T_STR) {
            print_str(put_val[i].u.p, put_val[i].n);
        } else {
            msgpack_unpacked u;
            size_t off = 0;
            msgpack_unpacked_init(&u);
            if (msgpack_unpack_next(&u, put_val[i].u.p, put_val[i].n, &off) != MSGPACK_UNPACK_SUCCESS ||
                off != put_val[i].n)
                abort();
            print_object(&u.data);
            msgpack_unpacked_destroy(&u);
        }
    }
    printf("}}\n");
}

static void trace(const struct meta *m, const struct rank *r)
{
    printf("{\"id\":\"%s\",\"kind\":\"%s\",\"cands\":[", cur_id, r->kind);
    for (uint32_t i = 0; i < r->n; i++) {
        printf("%s{\"t\":", i ? "," : "");
        if (strcmp(r->kind, "author") == 0) {
            putchar('[');
            for (uint32_t k = 0; k < r->c[i].names.n; k++) {
                if (k)
                    putchar(',');
                print_str(r->c[i].names.item[k].p, r->c[i].names.item[k].n);
            }
            putchar(']');
        } else {
            print_str(r->c[i].text.p, r->c[i].text.n);
        }
        printf(",\"b\":[");
        int first = 1;
        for (uint64_t b = r->c[i].bits; b; b &= b - 1, first = 0)
            printf("%s%d", first ? "" : ",", __builtin_ctzll(b));
        printf("]}");
    }
    printf("]}\n");
}

int main(int argc, char **argv)
{
    static char line[8192], buf[32 << 20];
    struct parse_limits limits = PARSE_LIMITS_DEFAULT;
    struct parse *p = parse_new(&limits);
    uint64_t parse_ns = 0, stage_ns = 0, pages = 0;
    int timing = 0;
    void *self;

    for (int i = 1; i < argc; i++) {
        cands |= strcmp(argv[i], "-c") == 0;
        timing |= strcmp(argv[i], "-t") == 0;
    }
    arena_init(&arena, 512u << 20);
    urls = url_parser_new();
    stage = trommel_stage_entry(TROMMEL_ABI_MAJOR, 0);
    if (!p || !urls || !stage || stage->configure(&host, NULL, &self))
        return 1;
    if (cands)
        rank_trace = trace;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        char *url = strchr(line, '\t'), *file = url ? strchr(url + 1, '\t') : NULL;
        if (!file)
            continue;
        *url++ = 0;
        *file++ = 0;
        cur_id = line;
        gzFile f = gzopen(file, "rb");
        int n = f ? gzread(f, buf, sizeof buf) : -1;
        gzclose(f);
        if (n < 0)
            continue;
        arena_clear(&arena, 64 << 20);
        page_url = (trommel_str){ url, strlen(url) };
        size_t k = strlen(file);
        struct parse_input in = { .url = page_url, .body = { buf, (size_t)n } };
        in.content_type = k > 4 && strcmp(file + k - 4, ".txt") == 0
                              ? (trommel_str){ "text/plain; charset=utf-8", 25 }
                              : (trommel_str){ "text/html", 9 };
        uint64_t t0 = h_now(NULL);
        if (parse_page(p, &in, &arena, &out) || out.kind == PARSE_NONE)
            continue;
        uint64_t t1 = h_now(NULL);
        memset(put_set, 0, sizeof put_set);
        uint32_t verdict = stage->process(self, NULL, NULL);
        uint64_t t2 = h_now(NULL);
        parse_ns += t1 - t0;
        stage_ns += t2 - t1;
        pages++;
        if (verdict != TROMMEL_CONTINUE)
            fprintf(stderr, "%s: verdict %u\n", cur_id, verdict);
        if (!cands)
            print_record();
        for (uint32_t i = 0; i < 32; i++)
            if (put_set[i])
                free((void *)(uintptr_t)put_val[i].u.p);
    }
    if (timing)
        fprintf(stderr, "%" PRIu64 " pages: parse %.3f ms, stage %.3f ms a page\n", pages,
                parse_ns / 1e6 / (double)pages, stage_ns / 1e6 / (double)pages);
    arena_release(&arena);
    url_parser_free(urls);
    parse_free(p);
    return 0;
}
