/* host: the least host that can run stages in this process; for measuring and for tests, not for pages
 * from the network (no sandbox, no caps but the arena's). */
#ifndef TROMMEL_TRAIN_HOST_H
#define TROMMEL_TRAIN_HOST_H
#include <trommel/stage.h>

#include "base/arena.h"

#define HOST_VALUES 64
#define HOST_STAGES 8

struct trommel_ctx {
    const trommel_stage *stage;
    void *self;
    const char *options; /* "key=value key=value", over the defaults */
};

struct trommel_page {
    struct arena *arena;
    const trommel_dom *dom;
    trommel_str url, base, body;
    const struct trommel_ctx *running;
    struct {
        const char *name;
        trommel_val val;
    } values[HOST_VALUES];
    unsigned n_values, stop; /* stop: what should_stop says */
    char failed[256];
};

extern const trommel_host test_host;

/* Configures; 0 or the stage's error. */
int host_open(struct trommel_ctx *ctx, const trommel_stage *what, const char *options);
/* Runs one stage; returns its verdict. */
uint32_t host_run(struct trommel_ctx *ctx, struct trommel_page *page);
/* A value by name, or NULL. */
const trommel_val *host_value(const struct trommel_page *page, const char *name);
#endif
