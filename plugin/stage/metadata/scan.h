/* scan: what the two halves of the pass over the nodes share: elements (scan.c) and texts (scan_text.c). */
#ifndef TROMMEL_STAGE_METADATA_SCAN_H
#define TROMMEL_STAGE_METADATA_SCAN_H
#include "plugin/stage/metadata/meta.h"

#define SCRIPTS_MAX 32

#define CLASSES_KEPT 256
struct class_kept {
    str cls;
    uint32_t region;
};

struct scan {
    struct meta *m;
    const trommel_dom *dom;
    uint32_t region[META_DEPTH_MAX];
    str before;       /* the text node before this one */
    uint32_t by_node; /* where a byline's opening stood alone, or TROMMEL_NONE */
    int by_strong;
    int data_is_author; /* the last twitter:label was "Written by" */
    uint32_t n_class, n_h2, n_logo, n_link_author, n_text_dates, n_tags_boxes;
    struct class_kept kept[CLASSES_KEPT];
    str ld[SCRIPTS_MAX];
    uint32_t n_ld;
    size_t ld_bytes;
};

/* Notes one thing with its surroundings; NULL if there is nothing or no room. */
struct find *scan_note(struct scan *s, int what, int how, uint32_t bits, uint32_t node, uint32_t region,
                       str val);
/* Notes a date: as one of change where its label or its surroundings say so. */
void scan_date(struct scan *s, int how, uint32_t bits, uint32_t node, uint32_t region, str v);
/* Notes all links, else all list items, of a box of tags. */
void scan_tags_box(struct scan *s, const trommel_node *x, uint32_t i, uint32_t region, int how);
/* One text node. */
void scan_text(struct scan *s, const trommel_node *x, uint32_t i, uint32_t region);
#endif
