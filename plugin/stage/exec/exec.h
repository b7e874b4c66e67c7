/* exec: what the stage `exec` and the host share: its options, the descriptors it gets, the bounds of its
 * protocol.
 *
 * The host reads the options before any stage is loaded, because it starts the program
 * (pipeline/chain/exec.h); the stage, in the worker, only talks to it.  Both take the rows from here. */
#ifndef TROMMEL_STAGE_EXEC_H
#define TROMMEL_STAGE_EXEC_H
#include <trommel/stage.h>

#define EXEC_PROTOCOL 1 /* `v` of both hellos */

enum {
    EXEC_FRAME_MAX = 64 << 20,           /* of a page, to the program */
    EXEC_ANSWER_MAX = (1 << 20) + 65536, /* of an answer: what x.<id> may hold, and a little */
    EXEC_REASONS_MAX = 256,              /* that a program may name in its hello */
    EXEC_REASON_BYTES = 64,
    EXEC_PARTS_MAX = 64, /* of option `send` */
    EXEC_CLOSE_MS = 300, /* from the end of its standard input to its own end; then it is killed */
};

/* ---- options ---- */

enum {
    EXEC_COMMAND,
    EXEC_SEND,
    EXEC_DEADLINE,
    EXEC_START,
    EXEC_MEMORY,
    EXEC_FILE,
    EXEC_ENV,
    EXEC_DIGEST,
    EXEC_OPTS
};
static const trommel_opt exec_opts[EXEC_OPTS] = {
    [EXEC_COMMAND] = { .key = "command",
                       .type = TROMMEL_T_STR,
                       .flags = TROMMEL_OPT_REQUIRED,
                       .help = "The program and its arguments, as words; './' is the folder of the "
                               "configuration." },
    [EXEC_SEND] = { .key = "send",
                    .type = TROMMEL_T_STR,
                    .dflt =
                        "url,final_url,status,content_type,content.text,content.lang,layout.type,meta.title",
                    .help =
                        "What the program gets of a page, by the names of the record's fields; also body, "
                        "base_url, header.NAME." },
    [EXEC_DEADLINE] = { .key = "deadline_ms",
                        .type = TROMMEL_T_I64,
                        .dflt = "1000",
                        .min = 1,
                        .max = 600000,
                        .unit = "ms",
                        .help = "For one page: later, the program is killed and the page quarantined." },
    [EXEC_START] = { .key = "start_ms",
                     .type = TROMMEL_T_I64,
                     .dflt = "10000",
                     .min = 1,
                     .max = 50000,
                     .unit = "ms",
                     .help = "From the program's start to its hello." },
    [EXEC_MEMORY] = { .key = "memory_mb",
                      .type = TROMMEL_T_I64,
                      .dflt = "512",
                      .min = 0,
                      .max = 1048576,
                      .unit = "MiB",
                      .help = "Address space of the program, and of each it starts; 0: no limit." },
    [EXEC_FILE] = { .key = "file_mb",
                    .type = TROMMEL_T_I64,
                    .dflt = "0",
                    .min = 0,
                    .max = 1048576,
                    .unit = "MiB",
                    .help = "Size of a file the program may write; 0: it writes none." },
    [EXEC_ENV] = { .key = "env",
                   .type = TROMMEL_T_STR,
                   .dflt = "",
                   .help = "Environment variables the program gets beside PATH, HOME, USER, LANG, LC_*, TZ, "
                           "TMPDIR." },
    [EXEC_DIGEST] = { .key = "digest",
                      .type = TROMMEL_T_STR,
                      .dflt = "",
                      .help = "Set by the host: the program's bytes, so that chain.hash changes with them." },
};

/* ---- the host's service ---- */

#define EXEC_SERVICE "trommel.exec/1"
/* Why a program cannot be used any longer.  With it goes the worker; the host starts both anew. */
enum {
    EXEC_LOST_DIED,     /* its standard output is closed */
    EXEC_LOST_TIMEOUT,  /* no answer in time: the page's doing */
    EXEC_LOST_PROTOCOL, /* what it said is no frame, or no answer to this page */
    EXEC_LOSTS
};

typedef struct exec_channel {
    int32_t in,
        out; /* the program's standard input and output: this end of the pipes, both without blocking */
    const char *id; /* the stage's, as the chain has it */
} exec_channel;

typedef struct exec_service {
    uint32_t struct_size, rsv;
    /* TROMMEL_E_ABSENT: the host started no program for the stage that calls. */
    int32_t (*channel)(trommel_ctx *, exec_channel *ret);
    /* Ends this worker, its program with it.  is_begun: some of the page had been written to the program,
     * so the page may be to blame; otherwise it is run again in any case.  Where it returns (no worker),
     * return TROMMEL_FATAL. */
    void (*lost)(trommel_ctx *, uint32_t how, uint32_t is_begun, const char *msg, size_t n);
    /* The reason of the next verdict, by its text ([a-z0-9_]+, EXEC_REASON_BYTES at most): a program has
     * reasons that no table declares.  TROMMEL_E_INVALID. */
    int32_t (*reason)(trommel_ctx *, trommel_str text);
} exec_service;
#endif
