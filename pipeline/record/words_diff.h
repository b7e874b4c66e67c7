/* words_diff: which words of a text are gone and which have come (Myers 1986, in linear space).
 *
 * The edit is the shortest there is, unless the texts differ too much: from WORDS_DIFF_COST edits on within
 * a stretch the way that got furthest is taken, and when WORDS_DIFF_STEPS are spent, what is left counts as
 * replaced whole (is_coarse).  So time and memory are bounded, whatever the texts: memory by 100 bytes a word.
 * Words that only one text has are settled beforehand and cost nothing.  Thread-safe. */
#ifndef TROMMEL_RECORD_WORDS_DIFF_H
#define TROMMEL_RECORD_WORDS_DIFF_H
#include "record/words.h"

enum { WORDS_DIFF_COST = 512, WORDS_DIFF_STEPS = 64 * 1000 * 1000 };

enum words_kind { WORDS_SAME, WORDS_GONE, WORDS_COME };
/* From … up to, without it; words of the two lists.  Of GONE the new ones are none, of COME the old ones. */
struct words_op {
    enum words_kind kind;
    uint32_t old_from, old_to, new_from, new_to;
};

struct words_diff {
    struct words old_words, new_words;
    struct words_op *ops; /* in order; together they are all words of both; of a change first what is gone */
    uint32_t n_ops;
    uint64_t same, gone, come; /* words, without blank lines */
    uint64_t steps;
    int is_coarse; /* not all of it was compared word by word */
    /* its own */
    uint32_t ops_cap;
    unsigned char *is_gone, *is_new; /* by word */
    struct words_book *book;
};

/* d: zero, or used before.  The texts are borrowed as long as its words are looked at. */
void words_diff(struct words_diff *d, trommel_str old_text, trommel_str new_text);
/* For reading: a word or two that happen to be the same in the midst of a long change become part of it.
 * The counts stay. */
void words_diff_tidy(struct words_diff *d);
/* How much: 0 the same words, 1 none in common. */
double words_diff_share(const struct words_diff *d);
/* The bytes of an op, of the new text where both have it. */
trommel_str words_diff_text(const struct words_diff *d, const struct words_op *op);
void words_diff_release(struct words_diff *d);
#endif
