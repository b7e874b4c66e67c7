/* answer: see answer.h. */
#include "command/stream/answer.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "record/record.h"

/* What may go into a record as text; else empty. */
static trommel_str text_or_none(trommel_str s, size_t max)
{
    int fits = s.n && s.n <= max && !memchr(s.p, 0, s.n) && utf8_valid(s.p, s.n) == s.n;

    return fits ? s : (trommel_str){ 0 };
}

static trommel_str str_of(const char *s)
{
    return (trommel_str){ s, strlen(s) };
}

/* A copy that is valid UTF-8: a message may quote what the host sent. */
static trommel_str message_clean(struct buf *b, const char *message)
{
    const unsigned char *p = (const unsigned char *)message;
    size_t n = strlen(message);

    while (n) {
        size_t good = utf8_valid_prefix(p, n);
        buf_add(b, p, good);
        p += good;
        n -= good;
        if (n) {
            size_t wrong = utf8_bad(p, n);
            buf_add_byte(b, '?');
            p += wrong;
            n -= wrong;
        }
    }
    return (trommel_str){ (const char *)b->data, b->len };
}

static void id_make(struct record_head *h, uint64_t frame)
{
    char name[40];
    XXH128_canonical_t id;

    snprintf(name, sizeof name, "frame %llu", (unsigned long long)frame);
    trommel_str of = h->id_text.n ? h->id_text : h->url.n ? h->url : str_of(name);
    XXH128_canonicalFromHash(&id, XXH3_128bits(of.p, of.n));
    memcpy(h->id, &id, sizeof h->id);
}

void answer_error(struct buf *b, const struct stream_page *p, uint64_t frame, const char *reason,
                  const char *message)
{
    const trommel_input *in = &p->input;
    struct record_head h = { .fetched_ms = in->fetched_ms ? in->fetched_ms : clock_wall_ms(),
                             .outcome = OUTCOME_FAILED,
                             .reason = str_of(reason),
                             .id_text = text_or_none(in->id, STREAM_ID_BYTES),
                             .url = text_or_none(in->url, LIMIT_URL_BYTES),
                             .final_url = text_or_none(in->final_url, LIMIT_URL_BYTES),
                             .status = in->status,
                             .bytes = in->body.n };
    struct buf clean = BUF_INIT(8 * KIB);
    struct record_error e = { .stage = str_of("stream"),
                              .reason = str_of(reason),
                              .message = message_clean(&clean, message) };
    uint32_t n;

    id_make(&h, frame);
    buf_clear(b);
    record_begin(b, &h, &n);
    record_put_error(b, &e, &n);
    record_end(b, n);
    buf_release(&clean);
}

void answer_short(struct buf *b, trommel_str record)
{
    static const char *const keys[] = { "id", "url", "outcome", "error" };
    trommel_str values[4];
    uint32_t n = 0;

    for (int i = 0; i < 4; i++) {
        values[i] = record_field(record.p, record.n, keys[i]);
        n += values[i].n > 0;
    }
    buf_clear(b);
    mp_map(b, n);
    for (int i = 0; i < 4; i++)
        if (values[i].n) {
            mp_cstr(b, keys[i]);
            buf_add(b, values[i].p, values[i].n);
        }
}
