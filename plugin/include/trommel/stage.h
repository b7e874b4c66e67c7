/* trommel/stage.h: the contract between the pipeline (the host) and one extraction stage.
 *
 * A stage is a shared object with one exported symbol, trommel_stage_entry, and nothing imported from
 * the host: what it may ask for comes as a table of functions.  It runs in a worker process of one
 * thread, sees one page at a time, and may crash without harm to anything but that page.
 *
 * Rules
 *  R1  Whoever allocates frees; nothing crosses the border to be freed on the other side.
 *  R2  What the host gives inside process() lives until process() returns; all else lives until close().
 *  R3  What a stage hands over (put, log, fail) is copied before that call returns.
 *  R4  Every struct that crosses begins with its size, or has its stride declared.  Fields are only ever
 *      appended: test with TROMMEL_HAS before reading one that is newer than your least host.
 *  R5  A stage never lets an exception out, exits, forks, installs signal handlers or writes to
 *      descriptors 0 to 2.
 *
 * Compiles as C11 and C++17.  Licence: SPDX-License-Identifier: MIT */
#ifndef TROMMEL_STAGE_H
#define TROMMEL_STAGE_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define TROMMEL_ABI_MAJOR 1u /* differs: refused before dlopen (read from the ELF note) */
#define TROMMEL_ABI_MINOR 0u /* grows with every appended field or service */
#define TROMMEL_NONE UINT32_MAX
#define TROMMEL_HAS(s, field) ((s)->struct_size >= offsetof(__typeof__(*(s)), field) + sizeof(s)->field)

typedef struct trommel_ctx trommel_ctx;   /* one instance, as the host knows it: who is calling */
typedef struct trommel_page trommel_page; /* one page: valid inside process() only */

/* Bytes and their length; never NUL-terminated by contract.  Text is UTF-8. */
typedef struct trommel_str {
    const char *p;
    size_t n;
} trommel_str;

/* ---- values ------------------------------------------------------------------------------------ */

enum {
    TROMMEL_T_NIL,
    TROMMEL_T_BOOL,    /* u.i: 0 or 1 */
    TROMMEL_T_I64,     /* u.i */
    TROMMEL_T_F64,     /* u.d */
    TROMMEL_T_STR,     /* u.p: n bytes of UTF-8; invalid bytes are refused */
    TROMMEL_T_BYTES,   /* u.p: n bytes */
    TROMMEL_T_MSGPACK, /* u.p: n bytes, exactly one well-formed msgpack object, depth at most 16 */
    /* between stages only, never in a record: */
    TROMMEL_T_NODES,    /* u.p: n node indexes, uint32_t each */
    TROMMEL_T_NODE_U8,  /* u.p: one uint8_t a node, n = dom->n_nodes */
    TROMMEL_T_NODE_F32, /* u.p: one float a node, n = dom->n_nodes */
};

typedef struct trommel_val {
    uint32_t type, rsv;
    uint64_t n; /* bytes or elements */
    union {
        int64_t i;
        double d;
        const void *p;
    } u;
} trommel_val;

/* A named value that a stage takes from earlier stages (needs) or gives to later ones and to the
 * record (provides).  Names of record fields are those of the record ("meta.title"). */
typedef struct trommel_port {
    const char *name;
    uint32_t type; /* TROMMEL_T_* */
    uint32_t flags;
} trommel_port;
#define TROMMEL_PORT_OPTIONAL 1u /* needs: absent is fine, both at link time and for a page */
#define TROMMEL_PORT_RECORD   2u /* provides: goes into the output record under this name */

/* Ports that the host itself understands, beside those that go into the record under their own name:
 *     content.text, content.markdown   STR; a page whose chain provides content.text and leaves it empty
 *                      gets outcome `no_content`, reason `no_text`
 *     content.nodes    NODE_U8, 1: this node's text is content (for later stages; not in the record)
 *     links.kind       NODE_U8, TROMMEL_LINK_* for each a, area and link element: `links[].kind`
 *     dedupe.sketch    BYTES: taken aside by the host, which settles `dedupe` */
enum { TROMMEL_LINK_UNKNOWN, TROMMEL_LINK_CONTENT, TROMMEL_LINK_NAVIGATION, TROMMEL_LINK_RELATED, TROMMEL_LINK_PAGINATION,
       TROMMEL_LINK_CANONICAL, TROMMEL_LINK_ALTERNATE };

/* ---- options, metrics -------------------------------------------------------------------------- */

/* One row of a stage's options.  The host parses, checks the range, fills in the default and prints
 * the help without running stage code.  type: BOOL, I64, F64 or STR. */
typedef struct trommel_opt {
    const char *key; /* [a-z0-9_]+ */
    uint32_t type, flags;
    const char *dflt;    /* as a user would write it; NULL: none (opt() gives TROMMEL_E_ABSENT) */
    const char *help;    /* one sentence */
    const char *choices; /* STR: "a|b|c", or NULL */
    double min, max;     /* numbers: inclusive range; both 0: any */
    const char *unit;    /* "ms", "bytes", or NULL */
} trommel_opt;
#define TROMMEL_OPT_REQUIRED 1u
#define TROMMEL_OPT_SECRET   2u /* never logged, never in `chain.hash` as text */
#define TROMMEL_OPT_PATH     4u /* a file the stage will open read-only in configure() */

typedef struct trommel_metric {
    const char *name, *help;
    uint32_t kind, rsv; /* TROMMEL_METRIC_* */
} trommel_metric;
enum { TROMMEL_METRIC_COUNTER, TROMMEL_METRIC_GAUGE, TROMMEL_METRIC_HISTOGRAM };

/* ---- the page, parsed once --------------------------------------------------------------------- */

/* Pre-order arrays with offsets instead of pointers: the same bytes in this process or in another.
 * Read-only.  Node 0 is the document; the subtree of node i is [i, end). */
enum { TROMMEL_NODE_DOCUMENT, TROMMEL_NODE_ELEMENT, TROMMEL_NODE_TEXT };
enum { TROMMEL_NS_HTML, TROMMEL_NS_SVG, TROMMEL_NS_MATH, TROMMEL_NS_OTHER };

typedef struct trommel_node {
    uint32_t tag;            /* element: TROMMEL_TAG_* of names.h; 0: not in it, the name is text/text_n */
    uint32_t parent, next;   /* next: following sibling; TROMMEL_NONE if none */
    uint32_t end;            /* one past the last node of the subtree */
    uint32_t text, text_n;   /* text: its bytes in dom->strs; element with tag 0: its name */
    uint32_t attr;           /* first attribute, index into dom->attrs */
    uint16_t attr_n, depth;  /* depth: document 0, html 1 */
    uint8_t kind, ns, flags, rsv; /* TROMMEL_NODE_*, TROMMEL_NS_*, TROMMEL_NODE_F_* */
} trommel_node;
#define TROMMEL_NODE_F_TEMPLATE 1u /* lies in the content of a template element */
#define TROMMEL_NODE_F_NOSCRIPT 2u /* lies in a noscript element */
#define TROMMEL_NODE_F_SPACE    4u /* text: white space only */

typedef struct trommel_attr {
    uint32_t key;          /* TROMMEL_A_* of names.h; 0: not in it */
    uint32_t name, name_n; /* always there, lower case for HTML */
    uint32_t val, val_n;   /* entities are decoded */
} trommel_attr;

typedef struct trommel_dom {
    uint32_t struct_size;
    uint16_t node_size, attr_size; /* strides: both structs may grow */
    uint32_t n_nodes, n_attrs, n_strs;
    uint32_t flags; /* TROMMEL_DOM_* */
    const void *nodes, *attrs;
    const char *strs;
} trommel_dom;
#define TROMMEL_DOM_CLAMPED 1u /* the page was over a limit (nodes, depth); the rest was cut or flattened */
#define TROMMEL_DOM_PLAIN   2u /* made from text/plain: html > body > one p a line that has words */

#define TROMMEL_NODE(d, i) ((const trommel_node *)((const char *)(d)->nodes + (size_t)(i) * (d)->node_size))
#define TROMMEL_ATTR(d, i) ((const trommel_attr *)((const char *)(d)->attrs + (size_t)(i) * (d)->attr_size))

/* ---- verdicts and errors ----------------------------------------------------------------------- */

/* What process() returns.  What a stage put takes effect only with CONTINUE or DROP; with the others it
 * is rolled back. */
enum {
    TROMMEL_CONTINUE = 0, /* on to the next stage */
    TROMMEL_DROP = 1,     /* filtered: outcome `dropped` with this reason, counted, acknowledged */
    TROMMEL_RETRY = 2,    /* the same page again, later, bounded */
    TROMMEL_ERROR = 3,    /* this page failed here: quarantined */
    TROMMEL_FATAL = 4,    /* this instance is broken: the worker is replaced, the page quarantined */
};
/* reason: index into trommel_stage.reasons */
#define TROMMEL_VERDICT(v, reason) ((uint32_t)(v) | ((uint32_t)(reason) << 8))

enum {
    TROMMEL_OK = 0,
    TROMMEL_E_FAIL = -1,    /* anything else; fail() says what */
    TROMMEL_E_ABSENT = -2,  /* not there for this page */
    TROMMEL_E_TYPE = -3,    /* not the type that was declared */
    TROMMEL_E_LIMIT = -4,   /* over a cap of bytes, depth or count */
    TROMMEL_E_NOSYS = -5,   /* this host has no such service */
    TROMMEL_E_INVALID = -6, /* index, key or bytes that can't be */
};

/* What meta() knows of a page. */
enum {
    TROMMEL_META_URL = 1,      /* as asked for, normalised; may be empty */
    TROMMEL_META_FINAL_URL,    /* after redirects */
    TROMMEL_META_BASE_URL,     /* what relative links are resolved against (honours <base>) */
    TROMMEL_META_STATUS,       /* decimal */
    TROMMEL_META_CONTENT_TYPE, /* "text/html", lower case, without parameters */
    TROMMEL_META_CHARSET,      /* the encoding the page was decoded from, WHATWG name, lower case */
    TROMMEL_META_HEADER,       /* key: the header's name in lower case */
    TROMMEL_META_BODY,         /* the page's bytes after content and charset decoding (UTF-8) */
    TROMMEL_META_ID,           /* the record's id as it will be printed */
    TROMMEL_META_FETCHED_AT,   /* RFC 3339 */
};

/* ---- the host's services ----------------------------------------------------------------------- */

typedef struct trommel_host {
    uint32_t struct_size, abi_minor;
    /* any time */
    void (*log)(trommel_ctx *, uint32_t level, const char *msg, size_t n); /* 0 error … 4 trace; rate-limited */
    void (*metric)(trommel_ctx *, uint32_t metric, double v); /* index into trommel_stage.metrics */
    /* The detail that goes with the next return that is not CONTINUE or OK. */
    void (*fail)(trommel_ctx *, uint32_t reason, const char *msg, size_t n);
    uint64_t (*now_ns)(trommel_ctx *); /* monotonic */
    /* An option's value: parsed, range-checked, defaulted.  opt: index into trommel_stage.opts. */
    int32_t (*opt)(trommel_ctx *, uint32_t opt, trommel_val *ret);
    /* A service by name and version ("trommel.url/1"): its table, or NULL. */
    const void *(*service)(trommel_ctx *, const char *id);
    /* inside process() only */
    void *(*alloc)(trommel_page *, size_t n, size_t align); /* page arena; NULL: over the page's cap */
    const trommel_dom *(*dom)(trommel_page *);
    /* key is for TROMMEL_META_HEADER, else { NULL, 0 }.  TROMMEL_E_ABSENT if there is none. */
    int32_t (*meta)(trommel_page *, uint32_t what, trommel_str key, trommel_str *ret);
    int32_t (*get)(trommel_page *, uint32_t need, trommel_val *ret);          /* index into needs */
    int32_t (*put)(trommel_page *, uint32_t provide, const trommel_val *val); /* index into provides */
    /* Record key x.<stage id>.<key>; needs TROMMEL_F_EXTRAS.  key: 1 to 64 bytes of UTF-8. */
    int32_t (*put_extra)(trommel_page *, trommel_str key, const trommel_val *val);
    /* Poll in loops: non-zero means over budget or shutting down; return TROMMEL_RETRY soon. */
    uint32_t (*should_stop)(trommel_page *);
} trommel_host;

/* "trommel.url/1": URLs by the WHATWG URL Standard, resolved against the page's base. */
#define TROMMEL_SERVICE_URL "trommel.url/1"
typedef struct trommel_url_service {
    uint32_t struct_size, rsv;
    /* The absolute, normalised form of `ref` in the page's arena; E_INVALID if it is none. */
    int32_t (*resolve)(trommel_page *, trommel_str ref, trommel_str *ret);
} trommel_url_service;

/* ---- the stage --------------------------------------------------------------------------------- */

#define TROMMEL_F_PURE    1u /* same page and options, same result: may be shadowed, re-run, cached */
#define TROMMEL_F_EXTRAS  2u /* writes keys it cannot declare, under x.<id> */
#define TROMMEL_F_NETWORK 4u /* needs sockets or files: runs outside the sandbox, and the log says so */

typedef struct trommel_stage {
    uint32_t struct_size, abi_major, abi_minor, min_host_minor;
    const char *id; /* [a-z0-9.-]+; reverse DNS for what is published */
    const char *version, *summary, *license;
    uint32_t flags;                            /* TROMMEL_F_* */
    uint16_t port_size, opt_size, metric_size; /* strides of the arrays below */
    uint16_t n_needs, n_provides, n_opts, n_metrics, n_reasons, rsv;
    const trommel_port *needs, *provides;
    const trommel_opt *opts;
    const trommel_metric *metrics;
    const char *const *reasons; /* [a-z0-9_]+ each */
    /* Once a worker, before pages come: map models, compile patterns, check options together.  May open
     * files read-only.  Sets *ret_self (anything, also NULL).  May be NULL. */
    int32_t (*configure)(const trommel_host *, trommel_ctx *, void **ret_self);
    /* Once a page: the hot path. */
    uint32_t (*process)(void *self, trommel_ctx *, trommel_page *);
    /* Drained or shutting down; no page is in process().  May be NULL. */
    void (*close)(void *self, trommel_ctx *);
} trommel_stage;

#define TROMMEL_EXPORT __attribute__((visibility("default")))
/* The only symbol.  NULL past the last stage of the file, or for a major it does not speak. */
TROMMEL_EXPORT const trommel_stage *trommel_stage_entry(uint32_t host_major, uint32_t index);

/* The ELF note (section .note.trommel_stage, name "TRM", type 1) lets the host judge the file without
 * running any of its code. */
#define TROMMEL_NOTE_SECTION ".note.trommel_stage"
#define TROMMEL_NOTE_STAGE 1u
struct trommel_note {
    uint32_t namesz, descsz, type;
    char name[4];
    uint32_t major, minor, min_host_minor, ptr_bits;
};
#define TROMMEL_STAGE_NOTE(min_minor)                                                                    \
    __attribute__((section(TROMMEL_NOTE_SECTION), used, aligned(4))) static const struct trommel_note    \
        trommel_note_ = { 4, 16, TROMMEL_NOTE_STAGE, { 'T', 'R', 'M', 0 }, TROMMEL_ABI_MAJOR,            \
                          TROMMEL_ABI_MINOR, (min_minor), (uint32_t)sizeof(void *) * 8 }

/* A file with one stage:
 *     TROMMEL_STAGE = { TROMMEL_STAGE_HEAD, .id = "org.example.x", .process = process };
 * C++20 wants the fields in their order, so the strides have a name of their own there:
 *     TROMMEL_STAGE = { TROMMEL_STAGE_HEAD, .id = "org.example.x", TROMMEL_STAGE_SIZES, .process = process };
 * Older C++ has no designated initialisers: write TROMMEL_STAGE_NOTE(0); and fill the struct in
 * trommel_stage_entry. */
#define TROMMEL_STAGE_HEAD_                                                                   \
    .struct_size = sizeof(trommel_stage), .abi_major = TROMMEL_ABI_MAJOR, .abi_minor = TROMMEL_ABI_MINOR
#define TROMMEL_STAGE_SIZES                                                                   \
    .port_size = sizeof(trommel_port), .opt_size = sizeof(trommel_opt), .metric_size = sizeof(trommel_metric)
#define TROMMEL_COUNT(array) ((uint16_t)(sizeof(array) / sizeof(array)[0]))
#ifdef __cplusplus /* C++ has no tentative definitions */
#define TROMMEL_STAGE_HEAD     TROMMEL_STAGE_HEAD_
#define TROMMEL_STAGE_SAID_    extern __attribute__((visibility("hidden"))) const trommel_stage
#define TROMMEL_STAGE_DEFINED_ const trommel_stage
#else
#define TROMMEL_STAGE_HEAD     TROMMEL_STAGE_HEAD_, TROMMEL_STAGE_SIZES
#define TROMMEL_STAGE_SAID_    static const trommel_stage
#define TROMMEL_STAGE_DEFINED_ static const trommel_stage
#endif
#define TROMMEL_STAGE                                                                         \
    TROMMEL_STAGE_NOTE(0);                                                                    \
    TROMMEL_STAGE_SAID_ trommel_stage_;                                                       \
    TROMMEL_EXPORT const trommel_stage *trommel_stage_entry(uint32_t host_major, uint32_t index) \
    {                                                                                         \
        return host_major == TROMMEL_ABI_MAJOR && index == 0 ? &trommel_stage_ : NULL;        \
    }                                                                                         \
    TROMMEL_STAGE_DEFINED_ trommel_stage_

#ifdef __cplusplus
}
#endif
#endif
