/* args: the options of a comparison, which `trommel diff` and `trommel replay --diff` share, and which
 * fields they mean. */
#ifndef TROMMEL_COMMAND_DIFF_ARGS_H
#define TROMMEL_COMMAND_DIFF_ARGS_H
#include <stdint.h>
#include <trommel/stage.h>

#include "base/err.h"

enum { DIFF_TOP = 50, DIFF_TOP_MAX = 100000, DIFF_RULES_MAX = 200 };

/* Is a field compared?  The rule with the longest path that the field is or lies under decides; of two of the
 * same length the later. */
struct diff_rule {
    const char *path; /* borrowed */
    int is_in;
};
struct diff_args {
    struct diff_rule rules[DIFF_RULES_MAX];
    uint32_t n_rules;
    int is_only;      /* what no rule names is left out */
    const char *html; /* file; NULL: none.  Borrowed */
    int is_json;
    uint32_t top; /* records shown; with is_json 0 is all of them */
};

/* With what is left out by default: chain, id, fetched_at, fetch, dedupe. */
void diff_args_init(struct diff_args *a);
/* The options as lines of a usage text. */
#define DIFF_ARGS_USAGE                                                                                      \
    "      --html FILE         writes one page with the differences as well, word by word; it needs "        \
    "nothing else\n"                                                                                         \
    "      --json              one JSON object a changed record instead, and nothing else: all of them, "    \
    "sorted\n"                                                                                               \
    "      --top N             shows the N records that changed most (50; with --json all)\n"                \
    "      --ignore PATH       leaves out this field and what lies under it (meta.source); repeatable\n"     \
    "      --with PATH         compares one that is left out otherwise; repeatable\n"                        \
    "      --only PATH         compares nothing but this (also what is left out otherwise); repeatable\n"
/* Is `name` (without the dashes) one of these options?  0: no; 1: with a value; 2: a flag. */
int diff_option_is(const char *name, size_t n);
/* Sets one of them; value is NULL for a flag.  0 or ERR_USAGE. */
int diff_option_set(struct diff_args *a, const char *name, size_t n, const char *value, struct err *err);
/* Once all are set. */
void diff_args_end(struct diff_args *a);

int diff_is_compared(const struct diff_args *a, trommel_str path);
/* Paths that are left out, joined by ", ". */
void diff_left_out(const struct diff_args *a, char *ret, size_t n);
#endif
