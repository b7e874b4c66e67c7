/* select: compiled CSS selectors over the flat page, for stage authors.
 *
 *     static struct sdk_select price;                           5 KiB; one a selector
 *
 *     sdk_select_opt(host, ctx, OPT_SELECTOR, &price)           configure: an option's value
 *     sdk_select_compile(&price, text, n)                       configure: any text
 *     sdk_select_first(&price, dom, 0)                          process: the first element that matches
 *     SDK_EACH_MATCH(&price, dom, 0, i) …                       process: all of them
 *     sdk_select_is(&price, dom, i)                             process: does this one?
 *
 * Selectors Level 4, as far as a page at rest has it:
 *
 *     tag  *  #id  .class  [a]  [a=v]  [a~=v]  [a|=v]  [a^=v]  [a$=v]  [a*=v]  [a=v i]  [a=v s]
 *     A B   A > B   A + B   A ~ B   A, B
 *     :not(…)  :is(…)  :where(…)   with lists of any selectors, also nested
 *     :root  :empty  :first-child  :last-child  :only-child  :nth-child(2n+1)  :nth-last-child(odd)
 *     tag:first-of-type  tag:last-of-type  tag:only-of-type  tag:nth-of-type(2)  tag:nth-last-of-type(2)
 *
 * Escapes (\31 23, \:) and comments are read.  Anything else (:has(), `of` in nth-child, namespaces, :hover,
 * ::before) is an error with its place and the mend.
 *
 * Quirks: names of tags and attributes match in any case, in SVG too; ids, classes and values match exactly
 * unless `i` is given, also on pages in quirks mode and for attributes whose values HTML compares loosely
 * (type, rel …).  :…-of-type wants its tag before it.  One mistake in a list is an error of the whole,
 * within :is() as well.  What lies in a template is matched only when root is the template or lies in one.
 *
 * Time: each compound of the selector is tested at most once at each element, and each of its tests looks at
 * the element's attributes once; so a walk costs at most tests times (nodes and bytes of attributes),
 * whatever the combinators.  Counting for :nth-last-… is done once a parent.  sdk_select_is costs that for
 * the elements above the node and, if the selector has + ~ or counts, for those before them.  A walk holds
 * 33 KiB on the stack.  Nothing allocates or recurses, but for compiling, SDK_SELECT_NESTED deep.
 *
 * Licence: SPDX-License-Identifier: MIT */
#ifndef TROMMEL_SDK_SELECT_H
#define TROMMEL_SDK_SELECT_H
#include "walk.h"

enum {                            /* of one selector, all lists in it counted */
       SDK_SELECT_TEXT = 4096,    /* bytes of it */
       SDK_SELECT_COMPOUNDS = 64, /* parts between combinators: bits of a word */
       SDK_SELECT_TESTS = 96,     /* .class, [a=b], :not() … */
       SDK_SELECT_STRS = 1024,    /* bytes of the names and values in it */
       SDK_SELECT_NESTED = 8,     /* :not(:is(…)) */
       SDK_SELECT_TYPES = 4,      /* different tags before :…-of-type */
       SDK_SELECT_DEPTH = 512,    /* of the page; the host makes none deeper */
};

enum {
    SDK_TEST_ID,
    SDK_TEST_CLASS,
    SDK_TEST_ATTR,
    SDK_TEST_ANY,
    SDK_TEST_NONE_OF,
    SDK_TEST_NTH,
    SDK_TEST_EMPTY,
    SDK_TEST_ROOT
};

/* One test of an element. */
struct sdk_test {
    uint8_t kind;                      /* SDK_TEST_* */
    uint8_t op;                        /* ATTR: 0 or the character before '=' ('=' for plain equality) */
    uint8_t loose;                     /* ATTR: ASCII case does not count */
    uint8_t last;                      /* NTH: from the end */
    int8_t type;                       /* NTH: which of sdk_select.types; -1: all elements count */
    uint16_t key;                      /* ATTR: TROMMEL_A_*; 0: by name */
    uint16_t name, name_n, val, val_n; /* in sdk_select.strs */
    int32_t a, b;                      /* NTH: an + b */
    uint64_t set;                      /* ANY, NONE_OF: the compounds that end a selector of the list */
};

enum { SDK_COMB_NONE, SDK_COMB_CHILD, SDK_COMB_DESCENDANT, SDK_COMB_NEXT, SDK_COMB_LATER };

/* tests[first, first + n) on one element, and what must stand left of it. */
struct sdk_compound {
    uint8_t comb; /* SDK_COMB_* between it and the compound `left` */
    uint8_t left;
    uint8_t any;  /* no tag is wanted */
    uint16_t tag; /* TROMMEL_TAG_*; 0: by name */
    uint16_t name, name_n, first, n;
};

struct sdk_select {
    uint64_t ends; /* compounds that end a selector of the outermost list */
    uint8_t n_compounds, n_tests, n_types;
    uint8_t sideways; /* looks at siblings: + ~ or counts */
    uint16_t n_strs;
    uint16_t error_at; /* a mistake: byte offset in the text … */
    const char *error; /* … and what it is; NULL: none */
    uint16_t types[SDK_SELECT_TYPES];
    struct sdk_compound compounds[SDK_SELECT_COMPOUNDS];
    struct sdk_test tests[SDK_SELECT_TESTS];
    char strs[SDK_SELECT_STRS];
};

#include "select_names.h"
#include "select_compile.h"
#include "select_match.h"
#endif
