/* wire: strings in frames, and the configuration as a frame's bytes.  Internal to chain/. */
#ifndef TROMMEL_CHAIN_WIRE_H
#define TROMMEL_CHAIN_WIRE_H
#include "chain/chain.h"
#include "chain/proto.h"

/* A string: length with its NUL, bytes, NUL; NULL is length 0. */
void wire_str(struct buf *b, const char *s);
/* Takes one from the front of *at; *ret borrows.  ERR_CORRUPT if it does not fit or has no NUL. */
int wire_take(const unsigned char **at, const unsigned char *end, const char **ret);

void wire_head(struct buf *b, uint32_t type, uint32_t n, uint64_t seq);
/* CONFIG with its head. */
int wire_config(struct buf *b, const struct proto_config *head, const struct chain_config *config);
/* The other end: makes a configuration of its own. */
int wire_config_read(const unsigned char *p, size_t n, struct proto_config *head, struct chain_config *ret,
                     struct err *err);
#endif
