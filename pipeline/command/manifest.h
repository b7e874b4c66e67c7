/* manifest: many pages as JSON lines, {"id","path"[,"url"][,"content_type"]}, read one at a time.
 *
 * A line that is none costs that line only: the message names file, line, what was wrong and the mend.
 * Paths are relative to the manifest's folder ("-": standard input, and the current folder).  Blank lines
 * and unknown keys are passed over.  Memory: one line, and 8 bytes an id to find ids that come twice. */
#ifndef TROMMEL_COMMAND_MANIFEST_H
#define TROMMEL_COMMAND_MANIFEST_H
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct manifest;
/* NUL-ended; die at the next manifest_next.  NULL: not given. */
struct manifest_line {
    const char *id, *path, *url, *content_type;
    uint64_t number;
    int again; /* this id was there before */
};

int manifest_open(const char *path, struct manifest **ret, struct err *err);
/* 1: a line in *ret; 0: the end; ERR_INVALID: this line is none, *err says why, ret->id is set if it has one;
 * ERR_IO: the file cannot be read on. */
int manifest_next(struct manifest *m, struct manifest_line *ret, struct err *err);
/* How much of it is read, 0..1; negative if its size is not known. */
double manifest_share(const struct manifest *m);
void manifest_close(struct manifest *m); /* NULL-safe */
#endif
