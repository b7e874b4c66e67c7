/* names: see names.h.  Two small open-addressed tables over the lists of trommel/names.h, filled once a
 * parser; nothing is allocated. */
#include "parse/names.h"

#include <string.h>
#include <trommel/names.h>

struct row {
    const char *name;
    uint32_t n;
};

static const struct row tags[TROMMEL_TAG_COUNT_] = {
#define X(number, upper, text) [number] = { text, sizeof text - 1 },
    TROMMEL_TAG_MAP(X)
#undef X
};

static const struct row attrs[TROMMEL_A_COUNT_] = {
#define X(number, upper, text) [number] = { text, sizeof text - 1 },
    TROMMEL_ATTR_MAP(X)
#undef X
};

_Static_assert(TROMMEL_TAG_COUNT_ * 3 < NAMES_SLOTS && TROMMEL_A_COUNT_ * 3 < NAMES_SLOTS,
               "tables are too full");

static uint32_t slot_of(const char *name, size_t n)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)name[i]) * 16777619u;
    return (h ^ h >> 15) & (NAMES_SLOTS - 1);
}

static void table_fill(uint16_t *slots, const struct row *rows, uint32_t n_rows)
{
    memset(slots, 0, sizeof(uint16_t) * NAMES_SLOTS);
    for (uint32_t id = 1; id < n_rows; id++) {
        if (!rows[id].name)
            continue;
        uint32_t at = slot_of(rows[id].name, rows[id].n);
        while (slots[at])
            at = (at + 1) & (NAMES_SLOTS - 1);
        slots[at] = (uint16_t)id;
    }
}

static uint32_t table_find(const uint16_t *slots, const struct row *rows, const char *name, size_t n)
{
    if (n > 64)
        return 0;
    for (uint32_t at = slot_of(name, n); slots[at]; at = (at + 1) & (NAMES_SLOTS - 1)) {
        const struct row *row = &rows[slots[at]];
        if (row->n == n && memcmp(row->name, name, n) == 0)
            return slots[at];
    }
    return 0;
}

uint32_t names_tag(const struct names *t, const char *name, size_t n)
{
    return table_find(t->tag_slot, tags, name, n);
}

uint32_t names_attr(const struct names *t, const char *name, size_t n)
{
    return table_find(t->attr_slot, attrs, name, n);
}

void names_init(struct names *t)
{
    table_fill(t->tag_slot, tags, TROMMEL_TAG_COUNT_);
    table_fill(t->attr_slot, attrs, TROMMEL_A_COUNT_);
    for (uint32_t id = 0; id < LXB_TAG__LAST_ENTRY; id++) {
        size_t n = 0;
        const lxb_char_t *name = lxb_tag_name_by_id(id, &n);
        t->tag_of[id] = (uint16_t)(name ? names_tag(t, (const char *)name, n) : 0);
    }
    t->attr_of[0] = 0;
    for (uint32_t id = 1; id < LXB_DOM_ATTR__LAST_ENTRY; id++) {
        const lxb_dom_attr_data_t *data = lxb_dom_attr_data_by_id(NULL, id);
        t->attr_of[id] = 0;
        if (data)
            t->attr_of[id] = (uint16_t)names_attr(t, (const char *)lexbor_hash_entry_str(&data->entry),
                                                  data->entry.length);
    }
}
