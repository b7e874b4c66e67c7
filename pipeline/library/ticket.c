/* ticket: a page's trip through the library; see inner.h.  The lock is held. */
#include <stdlib.h>
#include <string.h>

#include "library/inner.h"

enum {
    SPARE_LEAST = 16 * 1024,
    SPARE_WASTE = 4
}; /* a block is taken for a page of at least an eighth of it */

static trommel_str text_take(char **at, trommel_str s)
{
    trommel_str taken = { *at, s.n };

    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return taken;
}

struct ticket *ticket_new(const struct pool_page *page, void *user)
{
    const struct record_head *h = &page->head;
    struct ticket *k = calloc(1, sizeof *k);
    char *at = malloc(h->id_text.n + h->url.n + h->final_url.n + page->content_type.n + h->fetch.n + 1);

    if (!k || !at) {
        free(k);
        free(at);
        return NULL;
    }
    k->text = at;
    k->user = user;
    k->head = *h;
    k->head.id_text = text_take(&at, h->id_text);
    k->head.url = text_take(&at, h->url);
    k->head.final_url = text_take(&at, h->final_url);
    k->head.content_type = text_take(&at, page->content_type);
    k->head.fetch = text_take(&at, h->fetch);
    buf_init(&k->record, LIMIT_RECORD_BYTES + 64 * KIB);
    return k;
}

void ticket_free(struct ticket *k)
{
    if (!k)
        return;
    buf_release(&k->record);
    free(k->waiting);
    free(k->text);
    free(k);
}

static int is_kept(enum ticket_state s)
{
    return s == TICKET_FINISHED || s == TICKET_SINKING || s == TICKET_READY || s == TICKET_DONE;
}

void ticket_count(struct trommel *t, struct ticket *k)
{
    size_t n = is_kept(k->state) ? k->record.len : 0;

    t->kept_bytes += n - k->counted;
    k->counted = n;
}

void ticket_move(struct trommel *t, struct ticket *k, enum ticket_state to)
{
    static const char *const names[] = {
#define X(name, text) #name,
        TICKET_STATE_MAP(X)
#undef X
    };

    log_trace("page %.*s: %s -> %s", (int)k->head.id_text.n, k->head.id_text.p, names[k->state], names[to]);
    t->in_workers -= k->state == TICKET_RUNNING;
    t->in_workers += to == TICKET_RUNNING;
    t->kept -= is_kept(k->state);
    t->kept += is_kept(to);
    k->state = to;
    ticket_count(t, k);
}

/* ---- lists ---- */

void tickets_add(struct trommel *t, struct ticket *k)
{
    k->prev = t->last;
    k->next = NULL;
    *(t->last ? &t->last->next : &t->first) = k;
    t->last = k;
    t->pending++;
    t->to_deliver = t->to_deliver ? t->to_deliver : k;
    t->to_ready = t->to_ready ? t->to_ready : k;
}

void tickets_take(struct trommel *t, struct ticket *k)
{
    *(k->prev ? &k->prev->next : &t->first) = k->next;
    *(k->next ? &k->next->prev : &t->last) = k->prev;
    k->prev = k->next = NULL;
    t->pending--;
}

void list_push(struct ticket_list *l, struct ticket *k)
{
    k->after = NULL;
    *(l->first ? l->end : &l->first) = k;
    l->end = &k->after;
    l->n++;
}

struct ticket *list_pop(struct ticket_list *l)
{
    struct ticket *k = l->first;

    if (k)
        list_take(l, k);
    return k;
}

void list_take(struct ticket_list *l, struct ticket *k)
{
    struct ticket **at = &l->first;

    while (*at != k)
        at = &(*at)->after;
    *at = k->after;
    if (!k->after)
        l->end = at;
    k->after = NULL;
    l->n--;
}

/* ---- over its deadline ---- */

static void late_add(struct trommel *t, struct ticket *k)
{
    k->prev = NULL;
    k->next = t->late;
    if (t->late)
        t->late->prev = k;
    t->late = k;
}

struct ticket *ticket_part(struct trommel *t, struct ticket *k)
{
    struct ticket *now = calloc(1, sizeof *now);

    if (!now)
        return NULL;
    *now = *k;
    *(k->prev ? &k->prev->next : &t->first) = now;
    *(k->next ? &k->next->prev : &t->last) = now;
    t->to_deliver = t->to_deliver == k ? now : t->to_deliver;
    t->to_ready = t->to_ready == k ? now : t->to_ready;
    now->state = TICKET_NEW;
    k->text = NULL; /* now's, as is all that the strings of the head are */
    k->head = (struct record_head){ 0 };
    buf_init(&k->record, 0);
    ticket_move(t, k, TICKET_LATE);
    late_add(t, k);
    return now;
}

/* ---- pages that wait ---- */

static struct waiting *waiting_take(struct trommel *t, size_t n)
{
    size_t cap = SPARE_LEAST;
    struct waiting *w, **at = &t->spare;

    while (cap < n)
        cap *= 2;
    while (*at && ((*at)->cap < n || (*at)->cap / SPARE_WASTE > cap))
        at = &(*at)->after;
    if ((w = *at)) {
        *at = w->after;
        t->n_spare--;
        t->spare_bytes -= w->cap;
    } else if ((w = malloc(sizeof *w + cap))) {
        w->cap = cap;
    }
    return w;
}

static void waiting_give(struct trommel *t, struct waiting *w)
{
    if (!w || t->n_spare == SPARE_MOST || t->spare_bytes + w->cap > SPARE_BYTES_MOST) {
        free(w);
        return;
    }
    w->after = t->spare;
    t->spare = w;
    t->n_spare++;
    t->spare_bytes += w->cap;
}

void waiting_spares_free(struct trommel *t)
{
    for (struct waiting *w = t->spare, *after; w; w = after) {
        after = w->after;
        free(w);
    }
}

/* ---- bodies ---- */

void ticket_release(struct trommel *t, struct ticket *k)
{
    waiting_give(t, k->waiting);
    k->waiting = NULL;
    if (!k->release)
        return;
    k->released_after = t->released;
    t->released = k;
}

struct waiting *waiting_new(struct trommel *t, const struct pool_page *page, int by_reference)
{
    size_t n = page->content_type.n + page->content_encoding.n + page->headers.n + page->head.fetch.n +
               page->head.id_text.n + page->head.url.n + page->head.final_url.n +
               (by_reference ? 0 : page->body.n);
    struct waiting *w = waiting_take(t, n);
    char *at;

    if (!w)
        return NULL;
    w->page = *page;
    w->n = n;
    at = w->bytes;
    w->page.content_type = text_take(&at, page->content_type);
    w->page.content_encoding = text_take(&at, page->content_encoding);
    w->page.headers = text_take(&at, page->headers);
    w->page.head.fetch = text_take(&at, page->head.fetch);
    w->page.head.id_text = text_take(&at, page->head.id_text);
    w->page.head.url = text_take(&at, page->head.url);
    w->page.head.final_url = text_take(&at, page->head.final_url);
    if (!by_reference)
        w->page.body = text_take(&at, page->body);
    return w;
}
