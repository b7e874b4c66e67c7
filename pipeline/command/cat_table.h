/* cat_table: records as a table fitted to the terminal; internal to command/. */
#ifndef TROMMEL_COMMAND_CAT_TABLE_H
#define TROMMEL_COMMAND_CAT_TABLE_H
#include <stddef.h>
#include <stdio.h>

struct cat_table;
/* columns: width of a line; 0: the terminal's, $COLUMNS, or 120.  NULL: out of memory. */
struct cat_table *cat_table_new(FILE *out, unsigned columns);
/* Adds a record; rows are held back until enough are known to fit the columns. */
void cat_table_add(struct cat_table *t, const void *record, size_t n);
/* Prints what is held back; frees. */
void cat_table_free(struct cat_table *t);
#endif
