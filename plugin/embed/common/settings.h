/* settings: the options that the plugins of crawlers have in common: one table makes help, checks and values.
 */
#ifndef TROMMEL_EMBED_SETTINGS_H
#define TROMMEL_EMBED_SETTINGS_H
#include <stddef.h>
#include <stdio.h>

enum { SETS_MOST = 256, WORKERS_MOST = 256, WHY_BYTES = 1200 };

/* What the options say; strings are the struct's own and live as long as the process. */
struct settings {
    char *out, *chain, *log;
    char *set[SETS_MOST];
    size_t n_set;
    unsigned workers; /* 0: one a core */
};

/* Takes one option; value NULL: it was given without one.  0, or -1 with why: the option, what was wrong, the
 * mend. */
int settings_take(struct settings *s, const char *name, const char *value, char why[WHY_BYTES]);
/* Two lines for each option: before and its name, what it does. */
void settings_help(FILE *to, const char *before);
#endif
