/* pack: the little msgpack that this stage writes: strings, numbers, arrays of strings, one map level.
 *
 * Writes into a buffer with a maximum; the first thing that does not fit makes it `over`, and all later
 * calls do nothing.  Containers are opened with their final count. */
#ifndef TROMMEL_STAGE_METADATA_PACK_H
#define TROMMEL_STAGE_METADATA_PACK_H
#include "plugin/stage/metadata/meta.h"

struct pack {
    unsigned char *p;
    size_t n, max;
    int over;
};

void pack_map(struct pack *k, uint32_t n);
void pack_array(struct pack *k, uint32_t n);
void pack_str(struct pack *k, str s);
void pack_double(struct pack *k, double v);
void pack_int(struct pack *k, int64_t v);
void pack_list(struct pack *k, const struct meta_list *l);
/* Adds to a map opened elsewhere: the key, then a string. */
void pack_pair(struct pack *k, const char *key, str s);
#endif
