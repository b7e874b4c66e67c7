/* bring: brings a chain up in a process apart, through the same steps as a worker does, and says where it was
 * when that process died.  Internal to chain/. */
#ifndef TROMMEL_CHAIN_BRING_H
#define TROMMEL_CHAIN_BRING_H
#include "chain/apart.h"
#include "chain/load.h"
#include "chain/crash.h"
#include "chain/sandbox.h"

/* Shared between parent and child; the child's stages can scribble over it, so strings in it are read with a
 * bound. */
struct bring_board {
    struct crumb crumb; /* as a worker keeps it; CRUMB_STAGE's index is a stage of the chain */
    struct crash_report crash;
    struct sandbox_note note;
    unsigned sandbox; /* as sandbox_load says */
    int code;         /* why the chain did not come up, and the message */
    char text[1000];
};

/* In the child, first of all: what a crash will tell. */
void bring_begin(struct bring_board *board);
/* Shuts this process in, unless it is to stay outside, and loads the files of the configuration.  A stage
 * that declares that it needs the network has it.  Errors are on the board as well. */
int bring_load(const struct chain_config *config, struct bring_board *board, int outside, struct chain **ret);
/* The rest: options, links, hash, configure.  host: the table that stages get. */
int bring_up(struct chain *c, const struct chain_config *config, struct bring_board *board,
             const trommel_host *host);

/* Shuts it in for good, as before pages come. */
int bring_serve(struct bring_board *board);

/* In the parent.  How it ended, for people: "died of signal 11 (Segmentation fault) in
 * price.so!process+0x41", "tried to open a socket (…)".  Its subject is "it". */
void bring_words(const struct bring_board *board, const struct apart_end *end,
                 const struct chain_config *config, char out[1000]);
/* In the parent: was it the chain that did not come up?  Then *err has why; else 0. */
int bring_failed(const struct bring_board *board, const struct apart_end *end,
                 const struct chain_config *config, struct err *err);
#endif
