/* json: what changed as JSON lines; see report.h.  A line is made as msgpack and printed as any
 * record is. */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "command/diff/report.h"
#include "record/record.h"

struct line {
    struct buf fields;
    uint32_t n;
};

static int on_part(void *arg, const struct diff_part *p)
{
    const struct diff_field *f = p->field;
    struct line *l = arg;

    l->n++;
    mp_map(&l->fields, 4 + (f->old_raw.n > 0) + (f->new_raw.n > 0));
    mp_cstr(&l->fields, "path");
    mp_str(&l->fields, f->path.p, f->path.n);
    mp_cstr(&l->fields, "kind");
    mp_cstr(&l->fields, diff_kind_name(f->kind));
    mp_cstr(&l->fields, "share");
    mp_f64(&l->fields, p->share);
    mp_cstr(&l->fields, "weight");
    mp_f64(&l->fields, p->row->weight);
    if (f->old_raw.n) {
        mp_cstr(&l->fields, "old");
        buf_add(&l->fields, f->old_raw.p, f->old_raw.n);
    }
    if (f->new_raw.n) {
        mp_cstr(&l->fields, "new");
        buf_add(&l->fields, f->new_raw.p, f->new_raw.n);
    }
    return 0;
}

static void line_make(struct buf *b, const struct line *l, trommel_str record, double magnitude)
{
    trommel_str id = record_field(record.p, record.n, "id"), url = record_field(record.p, record.n, "url");

    buf_clear(b);
    mp_map(b, 4);
    mp_cstr(b, "url");
    url.n ? (void)buf_add(b, url.p, url.n) : mp_nil(b);
    mp_cstr(b, "id");
    id.n ? (void)buf_add(b, id.p, id.n) : mp_nil(b);
    mp_cstr(b, "magnitude");
    mp_f64(b, magnitude);
    mp_cstr(b, "fields");
    mp_array(b, l->n);
    buf_add(b, l->fields.data, l->fields.len);
}

static int line_print(const struct buf *record, struct buf *text, FILE *f, struct err *err)
{
    buf_clear(text);
    int rc = record_json(record->data, record->len, text);
    buf_add_byte(text, '\n');
    if (rc < 0 || text->err)
        return err_set(err, rc < 0 ? rc : text->err, "a record that changed has no JSON form: %s",
                       err_text(rc < 0 ? rc : text->err));
    if (fwrite(text->data, 1, text->len, f) != text->len)
        return err_set(err, ERR_IO, "standard output: cannot be written: %s", strerror(errno));
    return 0;
}

int diff_report_json(struct diff_run *r, FILE *f, struct err *err)
{
    struct line l = { BUF_INIT(3u * LIMIT_RECORD_BYTES), 0 };
    struct buf record = BUF_INIT(4u * LIMIT_RECORD_BYTES), text = BUF_INIT(24ull * LIMIT_RECORD_BYTES);
    struct words_diff words = { .ops = NULL };
    uint32_t n;
    const struct diff_changed *changed = diff_run_changed(r, &n);
    int rc = 0;

    for (uint32_t i = 0; i < n && rc == 0; i++) {
        trommel_str a, b;
        l.n = 0;
        buf_clear(&l.fields);
        rc = diff_run_load(r, &changed[i], &a, &b, err);
        rc = rc ? rc : diff_parts(diff_run_args(r), a, b, &words, on_part, &l, err);
        if (rc == 0) {
            line_make(&record, &l, b, changed[i].magnitude);
            rc = line_print(&record, &text, f, err);
        }
    }
    words_diff_release(&words);
    buf_release(&l.fields);
    buf_release(&record);
    buf_release(&text);
    return rc;
}
