/* words: a text cut into normalised words, and the sketch made of them; the stage's own half. */
#ifndef TROMMEL_STAGE_DEDUPE_WORDS_H
#define TROMMEL_STAGE_DEDUPE_WORDS_H
#include "plugin/stage/dedupe/sketch.h"

/* Code points of the basic plane: what a character becomes in a normalised word. */
#define FOLD_BREAK  0 /* parts words: space, punctuation, symbols */
#define FOLD_IGNORE 1 /* as if it were not there: soft hyphen, joiners, marks of direction */
extern uint16_t fold_table[65536];

/* Fills fold_table; once a process, before the first sketch. */
void fold_init(void);
/* Is each character of this script a word of its own?  (No spaces between words: Chinese, Japanese
 * kana, Thai, Lao, Khmer, Burmese, Tibetan.) */
int fold_alone(uint32_t cp);

/* The sketch of a text, UTF-8 (bad bytes part words).  Returns its length, at most SKETCH_BYTES_MAX.
 * One thread at a time: it works in static memory. */
size_t sketch_make(const char *text, size_t n, unsigned char out[SKETCH_BYTES_MAX]);
#endif
