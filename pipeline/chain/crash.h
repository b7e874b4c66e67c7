/* crash: what a worker that dies of a signal leaves behind: the calls it was in.  Internal to chain/.
 *
 * In the worker: handlers on a stack of their own (a stack that has overflown is reported too) write a report
 * into the memory of the crumb, frame by frame, and let the signal take its course, so that the host sees
 * how the process ended.  They call nothing that takes memory; a second fault while they are at it ends the
 * process with the first signal, and what was written till then stands.
 *
 * In the host: the report lies in memory that the worker could write at any time, so it is copied first,
 * then bounded and made printable, and believed only if it is of the signal that the process died of.  Static
 * functions are named from the file's own symbol table. */
#ifndef TROMMEL_CHAIN_CRASH_H
#define TROMMEL_CHAIN_CRASH_H
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/proto.h"

enum { CRASH_FRAMES = 24, CRASH_MODULE_BYTES = 48, CRASH_SYMBOL_BYTES = 64, CRASH_LINE_BYTES = 192 };

struct crash_frame {
    uint64_t offset;        /* in the module; without a module: the address */
    uint64_t symbol_offset; /* in the function, if it has a name */
    char module[CRASH_MODULE_BYTES], symbol[CRASH_SYMBOL_BYTES];
};
struct crash_report {
    uint32_t signal; /* 0: there is no report */
    int32_t code;    /* si_code */
    uint64_t address;
    uint32_t n_frames;
    int32_t error;                           /* errno as it was */
    struct crash_frame frames[CRASH_FRAMES]; /* the innermost first */
};
_Static_assert(PROTO_CRASH_AT + sizeof(struct crash_report) <= PROTO_NOTE_AT, "it lies behind the crumb");

/* The name of a file in reports: without its folder, and without the hash that a copy of it has (store.h).
 * Takes no memory, no locks. */
void crash_module(char to[CRASH_MODULE_BYTES], const char *path);

/* ---- in the worker ---- */

/* Handles SIGSEGV SIGBUS SIGILL SIGFPE SIGABRT.  where: mapped until the end.  Leaves things as they are when
 * the process is built with a sanitizer, which reports by itself. */
int crash_install(struct crash_report *where);
/* Writes the report; for a handler of another signal.  On the alternate stack. */
void crash_write(int signal, const siginfo_t *info, const void *context);

/* ---- in the host ---- */

struct crash_trace {
    uint64_t address; /* the fault's */
    int error;        /* errno when it came: the last call of the C library that failed, if it was that */
    unsigned n;
    char lines[CRASH_FRAMES][CRASH_LINE_BYTES]; /* "price.so!process+0x41", the innermost call first */
    unsigned
        at; /* whose doing: the innermost call in a file of the chain, else in one of `paths`; n: in none */
};
/* paths: files whose functions may be named; the first n_chain of them are the chain's.  Gives n 0 if there
 * is no report of this signal. */
void crash_read(const volatile void *where, int signal, const char *const *paths, size_t n_paths,
                size_t n_chain, struct crash_trace *ret);
#endif
