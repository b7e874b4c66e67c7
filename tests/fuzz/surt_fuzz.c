/* surt: a URL.  No input may crash, read past its end or make a key of more than its escapes; a key holds
 * neither a capital letter nor a line end, unless the URL has no key and is its own. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "warc/surt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    trommel_str url = { (const char *)data, n };
    struct buf key;

    buf_init(&key, 4 * n + 64);
    if (surt_key(url, &key) < 0)
        abort();
    int own = key.len == n && !memcmp(key.data, data, n);
    for (size_t i = 0; !own && i < key.len; i++)
        if (key.data[i] < 0x20 || key.data[i] >= 0x7f || (key.data[i] >= 'A' && key.data[i] <= 'Z'))
            abort();
    buf_release(&key);
    return 0;
}
