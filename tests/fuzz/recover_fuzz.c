/* recover: the first byte says how a file is coded, the rest is the file.  No input may crash or read past
 * its end; what is found whole is found again, all of it, in the bytes up to there, and lies one record
 * behind the other. */
#include <stdint.h>
#include <stdlib.h>

#include "warc/recover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct seen {
    uint64_t records, end;
};

static int on_record(void *arg, const struct warc_seen *r)
{
    struct seen *s = arg;

    if (r->offset < s->end)
        abort();
    s->records++;
    s->end = r->offset + r->length;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct seen first = { 0 }, again = { 0 };

    if (!n)
        return 0;
    enum warc_coding coding = (enum warc_coding)(data[0] % WARC_CODINGS);
    size_t good = warc_scan(coding, data + 1, n - 1, on_record, &first);
    if (good > n - 1 || first.end > good || warc_scan(coding, data + 1, good, on_record, &again) != good ||
        again.records != first.records)
        abort();
    return 0;
}
