/* place: where the program's own files lie, without configuration.
 *
 * Looked for beside the library or program this code is in (a build folder), then where `make install`
 * puts them (PREFIX/lib/trommel).  For chain/, and for deliver/, whose sinks lie there too. */
#ifndef TROMMEL_CHAIN_PLACE_H
#define TROMMEL_CHAIN_PLACE_H
#include "base/err.h"

/* The worker program, malloc'd: `given`, or $TROMMEL_WORKER, or what is found. */
int place_worker(const char *given, char **ret, struct err *err);
/* The folder of the bundled stages, malloc'd: `given`, or $TROMMEL_STAGE_DIR, or what is found. */
int place_stage_dir(const char *given, char **ret, struct err *err);
/* Another folder that lies there, malloc'd; NULL: it is in none of the places. */
char *place_beside(const char *name);
/* dir/name, malloc'd; name alone if it is absolute or dir is NULL. */
char *path_join(const char *dir, const char *name);
#endif
