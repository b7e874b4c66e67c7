/* jsonld: what the two halves of reading JSON-LD share: finds (jsonld.c) and things (thing.c). */
#ifndef TROMMEL_STAGE_METADATA_JSONLD_H
#define TROMMEL_STAGE_METADATA_JSONLD_H
#include "plugin/stage/metadata/json.h"

/* The type of an object: the last part of its first known @type, lower case is not changed.  Is it z? */
int jsonld_is(const struct json *j, uint32_t i, const char *z);
/* Follows {"@id": …} to the object that has more to say; else i itself. */
uint32_t jsonld_resolve(const struct json *j, uint32_t i);
/* The text of a value: itself, or its name, or that of its first element. */
str jsonld_name(struct meta *m, const struct json *j, uint32_t i, size_t max);
/* Fills m->product, m->recipe … from object i if it is such a thing. */
void thing_read(struct meta *m, const struct json *j, uint32_t i);
#endif
