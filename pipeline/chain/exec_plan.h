/* exec_plan: what exec.c finds out and exec_child.c starts.  Internal to these two. */
#ifndef TROMMEL_CHAIN_EXEC_PLAN_H
#define TROMMEL_CHAIN_EXEC_PLAN_H
#include "chain/exec.h"
#include "plugin/stage/exec/exec.h"

enum { EXEC_DIGEST_BYTES = 33 }; /* 32 hexadecimal digits and the end */

struct exec_program {
    char *id;
    char *text, *words[EXEC_WORDS_MAX]; /* words lie in text */
    unsigned n_words;
    char *dir, *path; /* absolute; the program's own working folder, its file */
    char **env;
    uint64_t memory_bytes, file_bytes; /* memory_bytes 0: no limit */
    char digest[EXEC_DIGEST_BYTES];
};
struct exec_plan {
    struct exec_program programs[EXEC_MAX];
    unsigned n;
};

/* The bytes of the files that its command names, as they are now. */
int exec_digest(const struct exec_program *p, char ret[EXEC_DIGEST_BYTES]);
#endif
