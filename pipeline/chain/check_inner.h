/* check_inner: what the files of check share; see check.h.
 *
 *     check_run     parent: one process a test, and what its end means
 *     check_rig     child: the chain, its pages, one call of the stage, its result compared
 *     check_fault   child: the host's table with calls that are counted, and fail on purpose
 *     check_guard   child: memory that ends at an unreadable page; what a crash was about
 *     check_dom     child: hostile pages
 *     check_table, check_life, check_page, check_break, check_manners: the tests
 *     check_say     both: calls and places in words */
#ifndef TROMMEL_CHAIN_CHECK_INNER_H
#define TROMMEL_CHAIN_CHECK_INNER_H
#include "chain/bring.h"
#include "chain/check.h"
#include "chain/run.h"

/* ---- the board: memory that parent and child share -------------------------------------------------- */

/* Host calls; can_fail: the contract lets them. */
#define CALL_MAP(X)                                                                                          \
    X(NONE, "", 0)                                                                                           \
    X(ALLOC, "alloc", 1)                                                                                     \
    X(OPT, "opt", 1)                                                                                         \
    X(SERVICE, "service", 1)                                                                                 \
    X(META, "meta", 1)                                                                                       \
    X(GET, "get", 1)                                                                                         \
    X(PUT, "put", 1)                                                                                         \
    X(EXTRA, "put_extra", 1)                                                                                 \
    X(RESOLVE, "resolve", 1)                                                                                 \
    X(STOP, "should_stop", 0)                                                                                \
    X(DOM, "dom", 0)                                                                                         \
    X(LOG, "log", 0)                                                                                         \
    X(METRIC, "metric", 0)                                                                                   \
    X(FAIL, "fail", 0)                                                                                       \
    X(NOW, "now_ns", 0)
enum call_kind {
#define X(up, low, can_fail) CALL_##up,
    CALL_MAP(X)
#undef X
        CALL_KINDS
};

struct check_call {
    uint32_t kind, index; /* index: of the port, option or TROMMEL_META_* */
    uint64_t n;           /* the how-manieth since the stage was called, from 1 */
    uint64_t bytes;
    char key[65]; /* of put_extra, service, meta's header */
};

enum check_at { AT_NOTHING, AT_CONFIGURE, AT_PROCESS, AT_CLOSE };

struct check_board {
    struct bring_board bring;
    uint32_t at;
    char page[64];
    uint64_t cpu_from_ns;           /* the CPU time at which the call began, and … */
    uint32_t cpu_ms;                /* … how much it may take; 0: no call is watched */
    int stop_said;                  /* should_stop said yes in this call */
    struct check_call call, broken; /* the last one; the one that was made to fail (n 0: none) */
    char crash[200];                /* what a fatal signal was about */
    int done;
    struct check_result result;
};

struct check { /* in the parent; the child has it by fork */
    const struct check_options *opt;
    const json_t *stage; /* described */
    size_t nth;          /* which stage of the file */
    const struct check_test *test;
    struct check_board *board;
    /* of the tests so far */
    int wrote;        /* it writes to 0 to 2, which was told */
    int pages_failed; /* ordinary pages fail: what needs them is not tried */
    int unsteady;     /* the same page gives another result, which was told */
};

struct rig;
struct check_test {
    struct check_about about;
    void (*run)(struct rig *);
    int needs_pages; /* that the bundled pages pass */
    int outside;     /* of the sandbox, which would hide what is looked for */
};

/* ---- in words (check_say.c) ---- */

/* "call 17 (put meta.title)" */
const char *say_call(const struct check *k, const struct check_call *c, char out[300]);
/* "on page \"article\", at call 17 (put meta.title), which was made to fail: "; empty outside of the stage.
 * in_call: it is known to be in that call; else it may have come back from it. */
const char *say_where(const struct check *k, int in_call, char out[900]);
/* The first difference of two results of rig_result: "meta.title is \"a\", then \"b\"". */
const char *say_difference(const struct buf *a, const struct buf *b, char out[400]);
/* What was wrong with a value that the host did not take. */
const char *say_refusal(const trommel_page *p, uint32_t type, const trommel_val *v, int32_t rc,
                        char out[200]);

/* ---- in the child ------------------------------------------------------------------------------------ */

/* The test has failed here: where if it is in a call, then what; ends the process. */
_Noreturn void check_fail(const struct check *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void check_note(const struct check *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void check_say(const struct check *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void check_child(void *check, int out);

/* Memory that can only be read, with an unreadable page behind its last byte.  Ends the test when memory is
 * out. */
enum guard_what { GUARD_NODES, GUARD_ATTRS, GUARD_STRS, GUARD_BODY, GUARD_URL, GUARD_VALUE };
const void *guard_copy(const struct check *k, const void *p, size_t n, enum guard_what what);
size_t guard_mark(void);
void guard_release(size_t mark); /* all that came after it */
/* From now on a crash writes onto the board what it was about. */
void guard_catch(struct check_board *board);

/* Traits of a page. */
enum { PAGE_BAD_TEXT = 1, PAGE_HOSTILE = 2 };
struct rig_page {
    char name[64];
    unsigned traits;
    struct pool_page in;
    struct parse_output parsed; /* guarded */
    trommel_val *vals;          /* what the stages before it gave; guarded */
    uint8_t *is_set;
    size_t mark; /* of its guards */
    int has_base;
    struct buf base; /* what the stage gave the first time */
};

struct rig {
    const struct check *k;
    struct chain *chain;
    struct stage *stage; /* that is checked */
    uint32_t index;
    struct run before, run; /* for the stages in front of it, for it */
    struct rig_page *pages; /* the bundled ones */
    size_t n_pages;
    uint64_t call_ns; /* CPU time of the last call */
    uint32_t verdict;
    struct buf result; /* of the last call */
};

void rig_pages(struct rig *r); /* makes the bundled ones */
/* A page from what the parser gave; runs the stages in front. */
void rig_page_init(struct rig *r, struct rig_page *pg, const char *name, unsigned traits);
void rig_page_release(struct rig_page *pg);
/* Calls the stage for the page; judges the verdict; r->result is what it gave. */
void rig_call(struct rig *r, struct rig_page *pg);
/* The same, and it must have given what it gave the first time; when: "the second time". */
void rig_again(struct rig *r, struct rig_page *pg, const char *when);
int32_t rig_configure(struct rig *r);
void rig_close(struct rig *r);
int rig_is_pure(const struct rig *r);

/* The host's table, and what it does to calls. */
enum fault_mode {
    FAULT_OFF,   /* passes everything on, counts nothing: for the stages in front */
    FAULT_COUNT, /* counts */
    FAULT_ONE,   /* call number `at` fails */
    FAULT_FROM,  /* call number `at` fails, and every one after it */
    FAULT_ARENA, /* from allocation number `at` on the arena is spent */
    FAULT_STOP,  /* from asking number `at` on should_stop says yes */
};
struct fault {
    const struct check *k;
    enum fault_mode mode;
    uint64_t at;
    unsigned traits;               /* of the page */
    uint64_t all;                  /* calls since the stage was called */
    uint64_t calls, allocs, polls; /* of these: those that may fail, alloc, should_stop */
    uint64_t polls_yes;            /* askings since it said yes */
    int fired;                     /* something was made to fail */
    int budget;                    /* should_stop goes by the real budget */
    unsigned char fill;            /* what memory from alloc is filled with */
};
extern struct fault fault; /* one a process, as stages know no more of their host */
extern trommel_host fault_host;
void fault_init(const struct check *k);
/* Before the stage is called. */
void fault_reset(unsigned traits);
/* The next number to try after n, up to most: each of the first, then fewer; all if thorough. */
uint64_t fault_next(const struct check *k, uint64_t n);

/* Hostile pages (check_dom.c): NULL past the last.  Memory is malloc'd; made anew by each call. */
struct dom_made {
    const char *name;
    unsigned traits;
    trommel_dom dom;
};
int dom_make(size_t i, struct dom_made *ret);
void dom_made_release(struct dom_made *d);
/* A page of ordinary form with so many paragraphs. */
void dom_make_large(unsigned paragraphs, struct dom_made *ret);

/* How a process was before anything was loaded, for the test `manners`. */
void manners_open(void);
/* What a process holds; counted without opening anything. */
struct footprint {
    uint64_t heap_bytes, virtual_bytes;
    unsigned fds, threads;
};
void footprint_open(void); /* once, before it is measured */
void footprint_take(struct footprint *ret);

void test_table(struct rig *r);
void test_reopen(struct rig *r);
void test_pages(struct rig *r);
void test_same(struct rig *r);
void test_rows(struct rig *r);
void test_fault(struct rig *r);
void test_arena(struct rig *r);
void test_hostile(struct rig *r);
void test_stop(struct rig *r);
void test_manners(struct rig *r);
void test_time(struct rig *r);
#endif
