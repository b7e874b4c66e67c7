/* uv: pages through Trommel in a libuv loop.  Records go to a sink and are reported when it has them:
 *     uv records page.html ...        then: trommel cat records */
#include <stdio.h>
#include <stdlib.h>
#include <trommel/trommel.h>
#include <uv.h>

#include "file.h"

static trommel *t;
static char **files; /* not submitted yet */
static trommel_error err = { .struct_size = sizeof err };

static void on_record(void *arg, void *user, const trommel_result *r)
{
    printf("%s: %s\n", (char *)user, r->outcome == TROMMEL_OUT_OK ? "ok" : "not ok");
}

static void submit_some(void)
{
    for (; *files && trommel_room(t); files++) {
        trommel_input in = { .struct_size = sizeof in, .body = file_read(*files) };
        in.id = (trommel_str){ *files, strlen(*files) };
        if (trommel_submit(t, &in, *files, &err) < 0)
            fprintf(stderr, "%s: %s\n", *files, err.text);
        free((char *)in.body.p); /* it was copied */
    }
}

static void on_readable(uv_poll_t *watch, int status, int events)
{
    if (trommel_dispatch(t, 0, &err) < 0 && err.code != TROMMEL_AGAIN)
        exit(fprintf(stderr, "%s\n", err.text) > 0);
    submit_some();
    if (!*files && !trommel_pending(t))
        uv_close((uv_handle_t *)watch, NULL);
}

int main(int argc, char **argv)
{
    trommel_options opt = { .struct_size = sizeof opt, .on_record = on_record, .out = argv[1] };
    uv_poll_t watch;

    if (argc < 3 || trommel_open(&opt, &t, &err) < 0)
        return fprintf(stderr, "%s\n", argc < 3 ? "usage: uv SINK FILE..." : err.text), 1;
    files = argv + 2;
    submit_some();
    uv_poll_init(uv_default_loop(), &watch, trommel_fd(t));
    uv_poll_start(&watch, UV_READABLE, on_readable);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    trommel_close(t);
    return 0;
}
