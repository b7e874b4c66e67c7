/* loop: a deliver on a libuv loop; see deliver.h.  Timers and the sink's descriptor call what is due. */
#include <stdlib.h>
#include <uv.h>

#include "deliver/inner.h"

struct loop {
    struct deliver *deliver;
    uv_timer_t pump, tick;
    uv_poll_t watch;
    int is_watching, handles;
};

static void on_pump(uv_timer_t *t)
{
    deliver_pump(((struct loop *)t->data)->deliver);
}

static void on_tick(uv_timer_t *t)
{
    deliver_poll(((struct loop *)t->data)->deliver);
}

static void on_watch(uv_poll_t *p, int status, int events)
{
    deliver_poll(((struct loop *)p->data)->deliver);
}

static void on_closed(uv_handle_t *h)
{
    struct loop *l = h->data;
    struct deliver *d = l->deliver;

    if (--l->handles)
        return;
    free(l);
    deliver_end(d);
}

static void loop_pump_in(struct deliver *d, unsigned ms)
{
    uv_timer_start(&((struct loop *)d->drive_self)->pump, on_pump, ms, 0);
}

static void loop_unwatch(struct deliver *d)
{
    struct loop *l = d->drive_self;

    if (l->is_watching)
        uv_close((uv_handle_t *)&l->watch, on_closed);
}

static void loop_close(struct deliver *d)
{
    struct loop *l = d->drive_self;

    uv_close((uv_handle_t *)&l->pump, on_closed);
    uv_close((uv_handle_t *)&l->tick, on_closed);
}

static const struct deliver_drive drive = { loop_pump_in, loop_unwatch, loop_close };

int deliver_open(uv_loop_t *loop, const struct deliver_options *opt, struct deliver **ret, struct err *err)
{
    struct loop *l = calloc(1, sizeof *l);
    int rc = l ? deliver_open_alone(opt, ret, err) : err_set(err, ERR_NOMEM, "%s: out of memory", opt->sink);

    if (rc < 0) {
        *ret = NULL;
        free(l);
        return rc;
    }
    struct deliver *d = *ret;
    const trommel_sink *t = d->sink.table;
    l->deliver = d;
    uv_timer_init(loop, &l->pump);
    uv_timer_init(loop, &l->tick);
    l->pump.data = l->tick.data = l->watch.data = l;
    l->handles = 2;
    if (d->fd >= 0 && uv_poll_init(loop, &l->watch, d->fd) == 0) {
        l->is_watching = 1;
        l->handles = 3;
        uv_poll_start(&l->watch, UV_READABLE, on_watch);
    }
    if (t->poll && t->poll_ms)
        uv_timer_start(&l->tick, on_tick, t->poll_ms, t->poll_ms);
    d->drive = &drive;
    d->drive_self = l;
    return 0;
}
