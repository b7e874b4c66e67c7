/* window: records in the order in which their pages were named, though pages finish in any order.
 *
 * A slot is opened for a page before it is handed to the chain and is filled when its record is there;
 * filled slots at the front are written and freed.  Bounded by WINDOW_SLOTS and WINDOW_BYTES: when
 * window_full, the caller waits for a record before it opens the next. */
#ifndef TROMMEL_COMMAND_WINDOW_H
#define TROMMEL_COMMAND_WINDOW_H
#include <stdio.h>
#include <trommel/stage.h>

#include "base/buf.h"
#include "base/err.h"

#define WINDOW_SLOTS 4096u
#define WINDOW_BYTES (64u << 20)

enum window_format { FORMAT_JSON, FORMAT_TEXT, FORMAT_MARKDOWN, FORMAT_MSGPACK };

struct window_slot;
struct window {
    FILE *out;            /* borrowed */
    const char *out_name; /* for messages */
    enum window_format format;
    struct window_slot *first, *last;
    size_t n, bytes;
    struct buf line;
    struct err failed; /* of writing: the first one, it sticks */
};

void window_init(struct window *w, FILE *out, const char *out_name, enum window_format format);
int window_full(const struct window *w);
/* The name is for the caller's messages; the window keeps a copy. */
struct window_slot *window_open(struct window *w, const char *name);
const char *window_name(const struct window_slot *slot);
void window_fill(struct window *w, struct window_slot *slot, trommel_str record);
/* Writes what can be written; ERR_IO with w->failed when the output is broken. */
int window_drain(struct window *w);
/* Frees everything, also what was not written. */
void window_release(struct window *w);
#endif
