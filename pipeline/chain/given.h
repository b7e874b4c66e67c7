/* given: what a stage has put for the page that it ran on, by name.  Internal to chain/. */
#ifndef TROMMEL_CHAIN_GIVEN_H
#define TROMMEL_CHAIN_GIVEN_H
#include "chain/run.h"

/* GIVEN_WHOLE: every byte, to compare.  GIVEN_VIEW: for people: values a node are their number and how many
 * are not 0. */
enum given_form { GIVEN_WHOLE, GIVEN_VIEW };
/* Appends a msgpack map: "meta.title" and "x.ID.key" to the value, in the order of the table, then of the
 * puts. */
void given_pack(const struct trommel_page *p, uint32_t stage, enum given_form form, struct buf *b);
#endif
