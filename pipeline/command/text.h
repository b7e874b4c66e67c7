/* text: what pages and stages say, printed as text and nothing else.
 *
 * Control characters and marks of direction are taken out, so that no page can write on the terminal.  Widths
 * are those of wcwidth(3), of the thread's locale (uselocale: C.UTF-8). */
#ifndef TROMMEL_COMMAND_TEXT_H
#define TROMMEL_COMMAND_TEXT_H
#include <stdio.h>
#include <trommel/stage.h>

enum { TEXT_BYTES = 1024, TEXT_GAP = 2 };

/* Columns of a clean text. */
unsigned text_width(const char *s);
/* A clean copy, malloc'd, of at most TEXT_BYTES: white space runs and what can't be printed become one space.
 * NULL: out of memory. */
char *text_clean(trommel_str s);
/* Prints a clean text in exactly `width` columns and TEXT_GAP (last: in at most `width`), cut with an
 * ellipsis. */
void text_print(FILE *f, const char *s, unsigned width, int last);
#endif
