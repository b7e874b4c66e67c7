/* limits: every maximum in one place, by name (DESIGN: everything that grows has one).
 *
 * Those that a user may change are rows of an option table with these as their defaults. */
#ifndef TROMMEL_BASE_LIMITS_H
#define TROMMEL_BASE_LIMITS_H

#define KIB (1024u)
#define MIB (1024u * 1024u)

/* one page */
#define LIMIT_BODY_BYTES      (8u * MIB)   /* received, and decoded */
#define LIMIT_DECODE_RATIO    100u         /* decoded : received … */
#define LIMIT_DECODE_FREE     (64u * KIB)  /* … judged above this many decoded bytes */
#define LIMIT_ENCODINGS       4u           /* stacked content encodings */
#define LIMIT_HEADER_BYTES    (256u * KIB)
#define LIMIT_URL_BYTES       2083u
#define LIMIT_REDIRECTS       5u
#define LIMIT_DOM_NODES       1000000u
#define LIMIT_DOM_DEPTH       512u
#define LIMIT_LINKS           2000u
#define LIMIT_LINK_TEXT       512u
#define LIMIT_ARENA_BYTES     (256u * MIB) /* a page's arena in a worker */
#define LIMIT_RECORD_BYTES    (16u * MIB)
#define LIMIT_RECORD_DEPTH    32u          /* nesting of a record's values */
#define LIMIT_EXTRA_BYTES     (1u * MIB)   /* all of one stage's x.<id> */

/* budgets */
#define LIMIT_PAGE_MS         5000u
#define LIMIT_STAGE_MS        1000u
#define LIMIT_WORKER_BYTES    (1024ull * MIB) /* address space of a worker */
#define LIMIT_WORKER_QUEUE    16u          /* pages on their way to one worker */
#define LIMIT_WORKER_GUESTS   8u           /* beside them: pages of golden and shadow runs */
#define LIMIT_STAGES          64u          /* stages in a chain */
#define LIMIT_SETS            4096u        /* options that are set for them */

/* the crawl */
#define LIMIT_BUDGET_BYTES    (256u * MIB) /* credits of all pages between fetch and acknowledgement */
#define LIMIT_RESERVE_BYTES   (64u * KIB)  /* reserved at a fetch's start, and the step of growing */
#define LIMIT_ROBOTS_BYTES    (500u * KIB)
#define LIMIT_ATTEMPTS        3u           /* fetches of a URL before it has failed */
#define LIMIT_CONNECTIONS     1000u        /* transfers at a time */

/* files from the user */
#define LIMIT_CONFIG_BYTES    (1u * MIB)
#define LIMIT_MANIFEST_LINE   (1u * MIB)
#endif
