/* check: is a stage fit for a crawl?  Does to it on purpose what crawls do to stages by chance.
 *
 * Each test runs in a process of its own, with limits; a stage that crashes, hangs or leaks fails that test
 * and no other.  Pages are the bundled ones (golden.h) and hostile ones made up here; the memory that a page
 * lies in ends at an unreadable page, so one byte too far is seen.  Nothing depends on how fast the machine
 * is: limits are CPU time and counts, and what is measured is told, not judged.  Internal to chain/ and to
 * the command. */
#ifndef TROMMEL_CHAIN_CHECK_H
#define TROMMEL_CHAIN_CHECK_H
#include <jansson.h>

#include "chain/chain.h"

enum check_state { CHECK_OK, CHECK_FAILED, CHECK_SKIPPED };

enum { CHECK_NOTES = 4, CHECK_TEXT = 1200 };
struct check_result {
    const char *stage, *test;
    enum check_state state;
    char text[CHECK_TEXT]; /* FAILED: what was found, where; OK: how much was done; SKIPPED: why */
    char notes[CHECK_NOTES][CHECK_TEXT];
    unsigned n_notes;    /* what is allowed, and worth knowing */
    struct check_times { /* of the test `time`: CPU time and bytes of the page's arena, of one page */
        uint64_t pages, heap_bytes; /* heap: that the stage itself holds in the end */
        uint64_t ns[3], arena[3];   /* at 50, 90 and 99 of 100 pages */
    } times;
    uint64_t cpu_us;
};

struct check_options {
    const struct chain_config *chain; /* its last item is the file to be checked */
    const json_t *described;          /* what describe_file said of it */
    const char *const *only;          /* names of tests; n_only 0: all */
    size_t n_only;
    int thorough;     /* every call is made to fail, not a sample of many */
    uint32_t call_ms; /* CPU time one call of the stage may take; 0: CHECK_CALL_MS */
    void (*on_result)(void *arg, const struct check_result *);
    void *arg;
};
#define CHECK_CALL_MS 30000u

/* 0 whatever was found: on_result has been called for each test of each stage in the file.  ERR_*: it could
 * not go on.
 */
int check_run(const struct check_options *opt, struct err *err);

struct check_about {
    const char *name, *about;
};
/* The tests, in their order; NULL past the last. */
const struct check_about *check_about(size_t i);
#endif
