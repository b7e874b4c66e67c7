/* scope: see scope.h. */
#include "frontier/scope.h"

#include <libpsl.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/limits.h"
#include "frontier/heap.h"

struct root {
    struct table_node node;
};

struct scope {
    enum frontier_scope kind;
    struct table roots;
    unsigned slashes_max; /* in any root's path: what a link's path is compared up to */
    psl_ctx_t *psl;       /* NULL: the list built into libpsl */
};

struct scope *scope_new(enum frontier_scope kind)
{
    struct scope *s = must_alloc(sizeof *s);

    s->kind = kind;
    if (kind == SCOPE_DOMAIN)
        s->psl = psl_latest(NULL);
    return s;
}

void scope_free(struct scope *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->roots.n_slots; i++) {
        for (struct table_node *node = s->roots.slots[i], *next; node; node = next) {
            next = node->next;
            free(CONTAINER(node, struct root, node));
        }
    }
    table_release(&s->roots);
    psl_free(s->psl);
    free(s);
}

trommel_str scope_prefix(trommel_str path)
{
    while (path.n && path.p[path.n - 1] != '/')
        path.n--;
    return path.n ? path : (trommel_str){ "/", 1 };
}

trommel_str scope_host(trommel_str host)
{
    if (host.n > 1 && host.p[host.n - 1] == '.')
        host.n--;
    return host;
}

static int is_address(trommel_str host)
{
    size_t i = 0;

    if (host.n && host.p[0] == '[')
        return 1;
    /* the normal form writes every IPv4 address as four decimal numbers, and no name is made of those only */
    while (i < host.n && (host.p[i] == '.' || (host.p[i] >= '0' && host.p[i] <= '9')))
        i++;
    return i == host.n;
}

static trommel_str registrable(const struct scope *s, trommel_str host)
{
    char name[LIMIT_URL_BYTES + 1];

    if (is_address(host) || host.n > LIMIT_URL_BYTES)
        return host;
    memcpy(name, host.p, host.n);
    name[host.n] = 0;
    const char *domain = psl_registrable_domain(s->psl ? s->psl : psl_builtin(), name);
    if (!domain)
        return host;
    size_t n = strlen(domain);
    return (trommel_str){ host.p + host.n - n, n };
}

static int root_known(const struct scope *s, uint64_t hash)
{
    for (struct table_node *node = table_chain(&s->roots, hash); node; node = node->next)
        if (node->hash == hash)
            return 1;
    return 0;
}

/* The hash of host and prefix; XXH3's streaming and one-shot forms agree. */
static uint64_t prefix_hash(trommel_str host, trommel_str prefix)
{
    XXH3_state_t state;

    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, host.p, host.n);
    XXH3_64bits_update(&state, prefix.p, prefix.n);
    return XXH3_64bits_digest(&state);
}

void scope_add(struct scope *s, trommel_str host, trommel_str path)
{
    uint64_t hash;
    unsigned slashes = 0;

    host = scope_host(host);
    if (s->kind == SCOPE_PREFIX) {
        path = scope_prefix(path);
        for (size_t i = 0; i < path.n; i++)
            slashes += path.p[i] == '/';
        hash = prefix_hash(host, path);
    } else {
        trommel_str key = s->kind == SCOPE_DOMAIN ? registrable(s, host) : host;
        hash = XXH3_64bits(key.p, key.n);
    }
    if (slashes > s->slashes_max)
        s->slashes_max = slashes;
    if (!root_known(s, hash))
        table_put(&s->roots, &((struct root *)must_alloc(sizeof(struct root)))->node, hash);
}

static int prefix_has(const struct scope *s, trommel_str host, trommel_str path)
{
    XXH3_state_t state;
    size_t from = 0;
    unsigned slashes = 0;

    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, host.p, host.n);
    for (size_t i = 0; i < path.n && slashes < s->slashes_max; i++) {
        if (path.p[i] != '/')
            continue;
        slashes++;
        XXH3_64bits_update(&state, path.p + from, i + 1 - from);
        from = i + 1;
        if (root_known(s, XXH3_64bits_digest(&state)))
            return 1;
    }
    return 0;
}

int scope_has(const struct scope *s, trommel_str host, trommel_str path)
{
    host = scope_host(host);
    switch (s->kind) {
    case SCOPE_ANY:
        return 1;
    case SCOPE_PREFIX:
        return prefix_has(s, host, path);
    case SCOPE_DOMAIN:
        host = registrable(s, host);
        break;
    case SCOPE_HOST:
        break;
    }
    return root_known(s, XXH3_64bits(host.p, host.n));
}
