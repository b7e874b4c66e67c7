/* host: see host.h. */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct trommel_ctx *opening; /* whose options are asked for */

static void host_log(trommel_ctx *ctx, uint32_t level, const char *msg, size_t n)
{
    if (level < 2)
        fprintf(stderr, "%s: %.*s\n", ctx->stage->id, (int)n, msg);
}

static void host_metric(trommel_ctx *ctx, uint32_t metric, double v)
{
}

static trommel_page *current;

static void host_fail(trommel_ctx *ctx, uint32_t reason, const char *msg, size_t n)
{
    if (current)
        snprintf(current->failed, sizeof current->failed, "%.*s", (int)n, msg);
}

static uint64_t host_now(trommel_ctx *ctx)
{
    return 0;
}

static int32_t host_opt(trommel_ctx *ctx, uint32_t opt, trommel_val *ret)
{
    const trommel_opt *o = &ctx->stage->opts[opt];
    const char *value = o->dflt, *at = opening && opening->options ? opening->options : "";
    size_t n = strlen(o->key), len;

    for (; *at; at += strcspn(at, " "), at += *at == ' ')
        if (!strncmp(at, o->key, n) && at[n] == '=')
            value = at + n + 1;
    if (!value)
        return TROMMEL_E_ABSENT;
    len = strcspn(value, " ");
    *ret = (trommel_val){ .type = o->type, .n = len, .u.p = value };
    if (o->type == TROMMEL_T_BOOL)
        ret->u.i = !strncmp(value, "true", 4);
    else if (o->type == TROMMEL_T_I64)
        ret->u.i = atoll(value);
    else if (o->type == TROMMEL_T_F64)
        ret->u.d = atof(value);
    return TROMMEL_OK;
}

static const void *host_service(trommel_ctx *ctx, const char *id)
{
    return NULL;
}

static void *host_alloc(trommel_page *page, size_t n, size_t align)
{
    return arena_alloc(page->arena, n, align);
}

static const trommel_dom *host_dom(trommel_page *page)
{
    return page->dom;
}

static int32_t host_meta(trommel_page *page, uint32_t what, trommel_str key, trommel_str *ret)
{
    switch (what) {
    case TROMMEL_META_URL:
    case TROMMEL_META_FINAL_URL:
        *ret = page->url;
        return TROMMEL_OK;
    case TROMMEL_META_BASE_URL:
        *ret = page->base.n ? page->base : page->url;
        return TROMMEL_OK;
    case TROMMEL_META_BODY:
        *ret = page->body;
        return TROMMEL_OK;
    default:
        return TROMMEL_E_ABSENT;
    }
}

const trommel_val *host_value(const struct trommel_page *page, const char *name)
{
    for (unsigned i = 0; i < page->n_values; i++)
        if (!strcmp(page->values[i].name, name))
            return &page->values[i].val;
    return NULL;
}

static int32_t host_get(trommel_page *page, uint32_t need, trommel_val *ret)
{
    const trommel_val *val = host_value(page, page->running->stage->needs[need].name);

    if (!val)
        return TROMMEL_E_ABSENT;
    *ret = *val;
    return TROMMEL_OK;
}

static size_t val_bytes(const trommel_val *v)
{
    return v->type == TROMMEL_T_NODES || v->type == TROMMEL_T_NODE_F32 ? v->n * 4
         : v->type >= TROMMEL_T_STR ? v->n : 0;
}

static int32_t host_put(trommel_page *page, uint32_t provide, const trommel_val *val)
{
    const trommel_port *port = &page->running->stage->provides[provide];
    size_t n = val_bytes(val);

    if (port->type != val->type || page->n_values == HOST_VALUES)
        return TROMMEL_E_TYPE;
    page->values[page->n_values].name = port->name;
    page->values[page->n_values].val = *val;
    if (val->type >= TROMMEL_T_STR) {
        void *copy = arena_alloc(page->arena, n, 0);
        if (!copy)
            return TROMMEL_E_LIMIT;
        if (n)
            memcpy(copy, val->u.p, n);
        page->values[page->n_values].val.u.p = copy;
    }
    page->n_values++;
    return TROMMEL_OK;
}

static int32_t host_extra(trommel_page *page, trommel_str key, const trommel_val *val)
{
    return TROMMEL_OK;
}

static uint32_t host_stop(trommel_page *page)
{
    return page->stop;
}

const trommel_host test_host = {
    .struct_size = sizeof test_host, .abi_minor = TROMMEL_ABI_MINOR, .log = host_log, .metric = host_metric,
    .fail = host_fail, .now_ns = host_now, .opt = host_opt, .service = host_service, .alloc = host_alloc,
    .dom = host_dom, .meta = host_meta, .get = host_get, .put = host_put, .put_extra = host_extra,
    .should_stop = host_stop,
};

int host_open(struct trommel_ctx *ctx, const trommel_stage *what, const char *options)
{
    *ctx = (struct trommel_ctx){ what, NULL, options };
    opening = ctx;
    return what->configure ? what->configure(&test_host, ctx, &ctx->self) : 0;
}

uint32_t host_run(struct trommel_ctx *ctx, struct trommel_page *page)
{
    page->running = ctx;
    current = page;
    return ctx->stage->process(ctx->self, ctx, page);
}
