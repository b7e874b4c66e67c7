/* words: a text cut into words, and the words of two texts numbered alike.
 *
 * A word is a run of letters, digits, marks and symbols; an apostrophe between letters and a point or comma
 * between digits belong to it.  Each punctuation mark is a word of its own, and each character of the
 * scripts written without spaces that fill many pages (Chinese, Japanese).  White space parts words and is
 * none, but for a blank line, which is a word of its own: moved paragraphs show.  Letters are compared as
 * they are: case and accents count.
 *
 * Any bytes will do; what is no UTF-8 counts as letters.  Time is linear, whatever the text: the hashes are
 * keyed anew by every book.  Thread-safe: a book is used by one thread at a time. */
#ifndef TROMMEL_RECORD_WORDS_H
#define TROMMEL_RECORD_WORDS_H
#include <stdint.h>
#include <trommel/stage.h>

enum {
    WORDS_MAX = 2 * 1000 * 1000, /* of one text; all that follows is one word more */
    WORD_BREAK = 0,              /* the number of a blank line */
};

struct word {
    uint32_t number; /* equal in both texts: the same word */
    uint32_t at, n;  /* bytes of the text */
};
struct words {
    trommel_str text; /* borrowed */
    struct word *list;
    uint32_t n, cap;
};

/* What numbers words. */
struct words_book;
struct words_book *words_book_new(void);
void words_book_free(struct words_book *b); /* NULL-safe */
/* Forgets every word. */
void words_book_clear(struct words_book *b);
/* How many different words there are; their numbers are smaller. */
uint32_t words_book_count(const struct words_book *b);

/* Cuts the text (at most 4 GiB; it must outlive the book's use of it, until the next clear).  w: zero, or
 * used before. */
void words_cut(struct words *w, trommel_str text, struct words_book *b);
void words_release(struct words *w);
/* Where the word begins (index n: behind all), with the white space in front of the first one: the bytes from
 * here to the next word's are the word and what parts them. */
size_t words_offset(const struct words *w, uint32_t index);
#endif
