/* store_inner: what store.c and block.c share.  Internal to chain/. */
#ifndef TROMMEL_CHAIN_STORE_INNER_H
#define TROMMEL_CHAIN_STORE_INNER_H
#include "chain/store.h"

struct stage_store {
    char *dir;      /* absolute */
    json_t *blocks; /* [{hash, at, why}], the latest last */
};

/* DIR/name, malloc'd; NULL: out of memory. */
char *store_path(const struct stage_store *s, const char *name);
/* What was renamed or removed in the folder is on disk. */
int store_sync_dir(const struct stage_store *s);
/* ERR_IO, with errno's text. */
int store_failed(const char *path, const char *what, struct err *err);
int store_is_hash(const char *p, size_t n);
int store_write(int fd, const char *p, size_t n); /* all of it */

/* Reads blocked.json, or begins an empty list. */
int blocks_read(struct stage_store *s, struct err *err);
/* ERR_REFUSED: the file `path` of this hash is blocked. */
int blocks_judge(const struct stage_store *s, const char *path, const char *hash, struct err *err);
#endif
