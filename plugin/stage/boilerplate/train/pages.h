/* pages: the pages of a data folder, parsed as the worker parses them; for the trainer's tools only.
 *
 * A data folder holds html/ID.html.gz (or ID.html) and ground-truth/ID.json with "url". */
#ifndef TROMMEL_TRAIN_PAGES_H
#define TROMMEL_TRAIN_PAGES_H
#include <stdio.h>
#include <stdlib.h>

#include <trommel/stage.h>

#include "base/arena.h"
#include "parse/parse.h"

struct page_file {
    char id[64];
    char url[2084];
    char *body; /* as on disk, inflated */
    size_t body_n;
    struct parse_output parsed;
};

typedef void page_fn(struct page_file *f, struct arena *a, double parse_ns, void *arg);

/* Calls `each` for every page of the folder, sorted by id; with its CPU time for the parse in ns.
 * Returns the number of pages, or -1 with a message on stderr. */
int pages_each(const char *dir, page_fn *each, void *arg);

/* Opens PREFIX.EXT for writing; ends the program with a message if it can't. */
FILE *pages_out(const char *prefix, const char *ext);

double cpu_ns(void);
#endif
