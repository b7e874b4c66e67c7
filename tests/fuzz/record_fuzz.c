/* record: any bytes through all that reads records.  What passes the check must have a JSON view and take
 * one more field; nothing may read past the end, loop or overflow. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "record/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void append_one(const uint8_t *data, size_t n)
{
    struct buf rec = BUF_INIT(LIMIT_RECORD_BYTES + 64);
    struct mp_value v;

    buf_add(&rec, data, n);
    int there = record_get(rec.data, rec.len, "appended", &v) == 0;
    int rc = record_append(&rec, "appended", "\x93\x01\x02\x03", 4);
    if (rc != (there ? ERR_EXISTS : 0) && rc != ERR_LIMIT)
        abort();
    if (record_check(rec.data, rec.len, NULL) < 0)
        abort();
    buf_release(&rec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf out = BUF_INIT(64 * MIB);
    struct mp_value v;
    const unsigned char *at = data;

    int checked = record_check(data, n, NULL);
    int json = record_json(data, n, &out);
    if (checked == 0 && json < 0)
        abort();
    if (mp_check(data, n, 32, NULL) == 0 && (mp_skip(&at, data + n) < 0 || at != data + n))
        abort();
    record_get(data, n, "outcome.code", &v);
    record_get_str(data, n, "x..a");
    if (checked == 0)
        append_one(data, n);
    buf_release(&out);
    return 0;
}
