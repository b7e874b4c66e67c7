/* window: see window.h. */
#include "command/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "record/record.h"

struct window_slot {
    struct window_slot *next;
    int filled;
    unsigned char *record;
    size_t n;
    char name[];
};

void window_init(struct window *w, FILE *out, const char *out_name, enum window_format format)
{
    *w = (struct window){ .out = out, .out_name = out_name, .format = format };
    buf_init(&w->line, 8u * LIMIT_RECORD_BYTES); /* six bytes for one is JSON's worst */
}

int window_full(const struct window *w)
{
    return w->n >= WINDOW_SLOTS || w->bytes >= WINDOW_BYTES;
}

struct window_slot *window_open(struct window *w, const char *name)
{
    size_t n = strlen(name);
    struct window_slot *slot = calloc(1, sizeof *slot + n + 1);

    if (!slot)
        abort();
    memcpy(slot->name, name, n);
    if (w->last)
        w->last->next = slot;
    else
        w->first = slot;
    w->last = slot;
    w->n++;
    return slot;
}

const char *window_name(const struct window_slot *slot)
{
    return slot->name;
}

void window_fill(struct window *w, struct window_slot *slot, trommel_str record)
{
    slot->record = malloc(record.n ? record.n : 1);
    if (!slot->record)
        abort();
    if (record.n)
        memcpy(slot->record, record.p, record.n);
    slot->n = record.n;
    slot->filled = 1;
    w->bytes += record.n;
}

/* ---- writing ---- */

static trommel_str content_of(const struct window_slot *slot, int markdown)
{
    trommel_str text =
        markdown ? record_get_str(slot->record, slot->n, "content.markdown") : (trommel_str){ 0 };

    return text.n ? text : record_get_str(slot->record, slot->n, "content.text");
}

static void write_failed(struct window *w, int error)
{
    if (w->failed.code)
        return;
    if (error == EPIPE)
        err_set(&w->failed, ERR_IO, "%s: whoever read it has gone; the rest is not written", w->out_name);
    else
        err_set(&w->failed, ERR_IO, "%s: cannot be written: %s", w->out_name, strerror(error));
}

static void write_bytes(struct window *w, const void *p, size_t n)
{
    if (n && fwrite(p, 1, n, w->out) != n)
        write_failed(w, errno);
}

static void write_json(struct window *w, const struct window_slot *slot)
{
    buf_clear(&w->line);
    int rc = record_json(slot->record, slot->n, &w->line);
    buf_add_byte(&w->line, '\n');
    if (rc < 0 && !w->failed.code)
        err_set(&w->failed, rc, "%s: its record has no JSON form: %s", slot->name, err_text(rc));
    else if (rc == 0)
        write_bytes(w, w->line.data, w->line.len);
}

static void slot_write(struct window *w, const struct window_slot *slot)
{
    trommel_str text;

    switch (w->format) {
    case FORMAT_JSON:
        write_json(w, slot);
        break;
    case FORMAT_MSGPACK:
        write_bytes(w, slot->record, slot->n);
        break;
    default:
        text = content_of(slot, w->format == FORMAT_MARKDOWN);
        write_bytes(w, text.p, text.n);
        write_bytes(w, "\n", text.n ? 1 : 0);
    }
}

static void slot_drop(struct window *w)
{
    struct window_slot *slot = w->first;

    w->first = slot->next;
    if (!w->first)
        w->last = NULL;
    w->n--;
    w->bytes -= slot->n;
    free(slot->record);
    free(slot);
}

int window_drain(struct window *w)
{
    int wrote = 0;

    while (w->first && w->first->filled && !w->failed.code) {
        slot_write(w, w->first);
        slot_drop(w);
        wrote = 1;
    }
    if (wrote && fflush(w->out) != 0)
        write_failed(w, errno);
    return w->failed.code ? ERR_IO : 0;
}

void window_release(struct window *w)
{
    while (w->first)
        slot_drop(w);
    buf_release(&w->line);
}
