/* describe: what a stage's file says of itself: its note, and the tables of the stages in it.
 *
 * The tables are read in a process apart, since loading a file runs its constructors: one that crashes there,
 * or whose tables lie, is an error with a message.  Strings are cut at a bound and made valid UTF-8. Internal
 * to chain/ and to the commands. */
#ifndef TROMMEL_CHAIN_DESCRIBE_H
#define TROMMEL_CHAIN_DESCRIBE_H
#include <jansson.h>

#include "chain/chain.h"

/* A new object, the caller's:
 *     {file, note: {abi_major, abi_minor, min_host_minor, pointer_bits},
 *      stages: [{id, version, summary, license, flags: ["pure", …],
 *                needs: [{name, type, optional}], provides: [{name, type, record}],
 *                options: [{key, type, default, choices, min, max, unit, help, required, secret, path}],
 *                metrics: [{name, kind, help}], reasons: [name]}]}
 * ERR_ABSENT: no such file.  ERR_REFUSED, ERR_CRASHED: it is no stage that this program can run; *err says
 * why. */
int describe_file(const char *path, json_t **ret, struct err *err);

/* Writes the chain in which the stages of `path` can run: the bundled stages that provide what they need,
 * then `with` (files that come before it), then `path` itself as the last item.  *ret is to be released, also
 * after an error. described: what describe_file said of `path`, which must be a path as chain_config_add
 * knows one. */
int describe_chain(const json_t *described, const char *path, const char *const *with, size_t n_with,
                   struct chain_config *ret, struct err *err);
/* Sets an option of the last item; "option=value", or "stage.option=value" for any stage of the chain. */
int describe_set(struct chain_config *c, const char *assignment, struct err *err);
#endif
