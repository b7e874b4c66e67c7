/* store: copies of stages' files, each under a name of its own, and which of them are blocked.
 *
 * A generation's workers open its files long after the change was asked for (a worker that died is
 * replaced), when the file under the name that the operator gave may be another one.  So each file is copied
 * into the job's folder, named by its content and not writable: JOB/stages/price-<32 hexadecimal
 * digits>.so.  The hash is XXH3-128 of the bytes: it tells builds apart, for files whose authors the
 * operator trusts to run code; it is no signature.
 *
 * A file that others could have written is refused (stage_store_take), as are those that were rolled
 * back before (stage_store_block).  Blocks are kept in JOB/stages/blocked.json and survive a crash. Host,
 * one thread.  Blocks for as long as copying takes. */
#ifndef TROMMEL_CHAIN_STORE_H
#define TROMMEL_CHAIN_STORE_H
#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

#define STAGE_HASH_BYTES 33 /* 32 hexadecimal digits and the end */
enum {
    STAGE_FILE_MAX = 64 << 20, /* bytes of a stage's file */
    STAGE_BLOCKS_MAX = 1000,   /* more: the oldest block is forgotten */
    STAGE_WHY_MAX = 500,       /* bytes of a block's reason; cut */
};

struct stage_store;

/* Makes the folder if need be (its parent must exist), reads what is blocked, removes copies that were not
 * finished.  ERR_IO, ERR_CORRUPT (blocked.json: the message says the mend). */
int stage_store_open(const char *dir, struct stage_store **ret, struct err *err);
void stage_store_close(struct stage_store *); /* NULL-safe; the folder stays */

struct stage_copy {
    char *path; /* of the copy, absolute, owned */
    char hash[STAGE_HASH_BYTES];
    uint64_t bytes;
};
void stage_copy_release(struct stage_copy *); /* NULL-safe */

/* Flags of stage_store_take. */
/* ANYONE: who could have written it is not asked: for the chain that the operator started with, and for
 * bundled stages, which are the program's own as its worker is. */
#define STAGE_STORE_ANYONE  1u
#define STAGE_STORE_BLOCKED 2u /* takes what is blocked, too */

/* Judges a file, then copies it; a copy that is there already is used.  Symbolic links are followed
 * first; then the file and every folder above it must belong to root or to the effective user, and be
 * writable by nobody else (a folder may be if it is sticky, as /tmp).  It is opened once and judged,
 * hashed and copied through that one descriptor.  ERR_REFUSED: the message names file or folder, its mode
 * and owner, and the mend; or what its ELF note says; or that it is blocked, since when and
 * why.  ERR_ABSENT, ERR_LIMIT (size), ERR_AGAIN (it was being written), ERR_IO. */
int stage_store_take(struct stage_store *, const char *path, unsigned flags, struct stage_copy *ret,
                     struct err *err);
/* The judgement alone: who could have written the file (or folder)? */
int stage_file_judge(const char *path, struct err *err);
/* Opens it for reading and judges what was opened; `anyone`: only opens.  A descriptor, or an error. */
int stage_file_open(const char *path, int anyone, struct err *err);

/* Removes every copy whose path is not among `keep`: call it once what runs, and what may be gone back
 * to, is known. */
void stage_store_sweep(struct stage_store *, const char *const *keep, size_t n_keep);

/* Blocks: any 32 hexadecimal digits, a file's hash or a chain's.  On disk when the call returns.  Blocking
 * again gives it a new reason.  ERR_INVALID (no hash), ERR_IO: then it holds for this process only. */
int stage_store_block(struct stage_store *, const char *hash, const char *why, struct err *err);
/* ERR_ABSENT names those that are. */
int stage_store_unblock(struct stage_store *, const char *hash, struct err *err);
/* Why, borrowed until the next block or unblock; NULL: it is not blocked. */
const char *stage_store_blocked(const struct stage_store *, const char *hash);
json_t *stage_store_blocks(const struct stage_store *); /* [{hash, at, why}], the latest last; the caller's */
#endif
