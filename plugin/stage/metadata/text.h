/* text: strings of this stage: cleaning, folding, comparing by words; text of a subtree. */
#ifndef TROMMEL_STAGE_METADATA_TEXT_H
#define TROMMEL_STAGE_METADATA_TEXT_H
#include "plugin/stage/metadata/meta.h"

/* One character; bad bytes give U+FFFD one at a time.  *p < end. */
uint32_t text_next(const char **p, const char *end);
size_t text_put(uint32_t cp, char *ret); /* 1 to 4 bytes */
/* Lower case of Latin, Greek, Cyrillic, Armenian letters; others as they are. */
uint32_t text_lower(uint32_t cp);
int text_is_word(uint32_t cp); /* letter, digit, mark or ideograph */
int text_is_space(uint32_t cp);

str text_trim(str s);
/* Spaces collapsed, control and invisible characters dropped, entities decoded if asked, cut at max. */
str text_clean(struct meta *m, str s, size_t max, int entities);
/* The words in lower case, one space between; for comparing. */
str text_norm(struct meta *m, str s);
uint32_t text_words(str norm);          /* number of words of a normalised text */
double text_share(str a, str b);        /* share of a's words that b has; both normalised */
int text_has_words(str norm, str part); /* is part a run of whole words of norm? */
/* Text of a subtree as a reader sees it: no scripts, styles, templates; cut at max. */
str text_of(struct meta *m, uint32_t node, size_t max);
/* The same with a space at every element's edge: for bylines, where a name and a date sit side by side. */
str text_of_apart(struct meta *m, uint32_t node, size_t max);

int str_starts_n(str a, const char *z, size_t n);
int str_has_n(str a, const char *z, size_t n);
/* Inline, so that the length of a literal is known where it is compared. */
static inline int str_eq(str a, str b)
{
    return a.n == b.n && (a.n == 0 || __builtin_memcmp(a.p, b.p, a.n) == 0);
}
static inline int str_is(str a, const char *z)
{
    return str_eq(a, str_z(z));
}
/* These three ignore ASCII case; z is in lower case. */
static inline int str_ieq(str a, const char *z)
{
    return a.n == __builtin_strlen(z) && str_starts_n(a, z, a.n);
}
static inline int str_starts(str a, const char *z)
{
    return a.n && (a.p[0] == z[0] || (a.p[0] | 32) == z[0]) && str_starts_n(a, z, __builtin_strlen(z));
}
static inline int str_has(str a, const char *z)
{
    size_t n = __builtin_strlen(z);

    return a.n >= n && str_has_n(a, z, n);
}
static inline str str_cut(str s, size_t from, size_t to)
{
    return (str){ s.p + from, to - from };
}
str node_attr(const trommel_dom *dom, const trommel_node *node, uint32_t key); /* p NULL: not there */
static inline str node_str(const trommel_dom *dom, const trommel_node *node)
{
    return (str){ dom->strs + node->text, node->text_n };
}
#endif
