/* load: the stages of one chain in this process: descriptors, options, ports.  Internal to chain/.
 *
 * A chain is made once and then only read: loaded (stages added, options set), linked (ports become
 * indexes), configured.  Lives in the worker; unit tests make one from tables in memory. */
#ifndef TROMMEL_CHAIN_LOAD_H
#define TROMMEL_CHAIN_LOAD_H
#include "chain/chain.h"

enum {
    STAGE_TABLE_MAX = 256, /* rows of needs, provides, options, metrics, reasons */
    SLOTS_MAX = 1024,      /* different ports in a chain */
    FIELDS_MAX = 2048,     /* nodes of the tree of record fields */
    FIELD_DEPTH_MAX = 4,   /* "meta.product.name": three */
    STAGE_ID_MAX = 64,
    REASON_MAX = 64,
    EXTRA_KEYS_MAX = 1024, /* of one stage on one page */
    FAIL_TEXT_MAX = 500
};
#define SLOT_NONE UINT32_MAX

/* What host functions get as their first argument: which stage is calling. */
struct trommel_ctx {
    const struct chain *chain;
    uint32_t index;
    struct log_sink *log;
    uint32_t fail_reason;
    uint32_t fail_n;
    char fail_text[FAIL_TEXT_MAX];
    char own_reason[REASON_MAX + 1]; /* of the next verdict, in place of its index; empty: none (exec_service.c) */
    const char *said; /* why its table was refused, from load to report; or NULL */
};

struct opt_value {
    trommel_val val;
    char *text; /* owned: what val borrows; NULL: no value */
};

struct stage {
    trommel_stage d;                /* as this host knows it: fields the stage is too old for are zero */
    char *path;                     /* its file, or NULL */
    char *own_id;                   /* what d.id is, if it is not the table's; or NULL */
    int channel;                    /* an exec stage's first descriptor (exec_fd), or -1 */
    size_t item;                    /* of the configuration */
    trommel_port *needs, *provides; /* copied, one stride */
    trommel_opt *opts;
    struct opt_value *values; /* one an option */
    uint32_t *need_slot, *provide_slot;
    struct trommel_ctx *ctx;
    void *self;
    int is_configured;
};

struct slot { /* one port of the chain */
    const char *name;
    uint32_t type;
    uint32_t provider; /* stage */
    int in_record;
};

/* The record's tree of fields, parents before children, siblings together in pre-order. */
struct field {
    char *key;       /* one part of the name */
    uint32_t parent; /* SLOT_NONE: the record itself */
    uint32_t slot;   /* leaf: its port; SLOT_NONE: a map */
};

struct log_sink {
    void (*log)(void *arg, int level, const char *who, const char *msg, size_t n);
    void *arg;
};

struct chain {
    struct stage *stages;
    size_t n_stages;
    struct slot *slots;
    size_t n_slots;
    struct field *fields;
    size_t n_fields;
    uint32_t slot_text, slot_kind, slot_sketch; /* what the host itself understands, or SLOT_NONE */
    char hash[33];
    int is_none; /* nothing is run on a page, not even the parse */
    struct log_sink log;
    void (*at)(void *arg, uint32_t index); /* told before a stage's code is configured */
    void *at_arg;
    /* The program of an exec stage cannot be used any longer: ends this worker.  NULL: there is none. */
    void (*lost)(void *arg, uint32_t program, uint32_t how, uint32_t is_begun, const char *msg, size_t n);
    void *lost_arg;
};

/* "STR", "NODE_U8": a TROMMEL_T_* as stage.h names it; "?". */
const char *port_type_name(uint32_t type);

struct chain *chain_new(void);    /* NULL: out of memory */
void chain_free(struct chain *c); /* stages that are configured are closed; NULL-safe */

/* Adds one stage by its table, checked as that of a stranger.  path: may be NULL. */
int chain_add(struct chain *c, const trommel_stage *table, const char *path, size_t item, struct err *err);
/* Loads the files of the configuration (notes judged first) and adds their stages.  `at` is told the item
 * before any of its code runs. */
int chain_load(struct chain *c, const struct chain_config *config, void (*at)(void *arg, uint32_t item),
               void *arg, struct err *err);
/* Gives every option its value: what is set, else the default.  Says what exists when it is unknown. */
int chain_options(struct chain *c, const struct chain_config *config, struct err *err);
/* Matches needs with provides, lays out the record's fields.  Nothing runs. */
int chain_link(struct chain *c, struct err *err);
/* Names the chain: XXH3-128 over ids, versions, option values and the files' bytes. */
int chain_hash(struct chain *c, struct err *err);
/* What the stage `exec` gets as EXEC_SERVICE (exec_service.c). */
extern const struct exec_service chain_exec_service;
/* Calls every stage's configure.  Before: no page.  After: pages. */
int chain_configure(struct chain *c, const trommel_host *host, struct err *err);
#endif
