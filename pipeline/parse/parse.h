/* parse: from the bytes received to the flat page that stages see.
 *
 * content decoding (gzip, deflate, br, zstd, stacked), charset (WHATWG: BOM, header, meta prescan, then a
 * guess), lexbor's HTML parser with depth and node count clamped inside the tree builder, flattening into
 * arrays with our own ids.  text/plain becomes html > body > one p a line.  Runs in the worker; input is
 * hostile; nothing here recurses on it.  The only folder that includes lexbor. */
#ifndef TROMMEL_PARSE_PARSE_H
#define TROMMEL_PARSE_PARSE_H
#include <trommel/stage.h>

#include "base/arena.h"
#include "base/err.h"

struct parse_limits {
    uint32_t body_bytes, ratio, ratio_free_bytes; /* decoded size; decoded : received, judged above free */
    uint32_t nodes, depth;
};
#define PARSE_LIMITS_DEFAULT                                                              \
    { LIMIT_BODY_BYTES, LIMIT_DECODE_RATIO, LIMIT_DECODE_FREE, LIMIT_DOM_NODES, LIMIT_DOM_DEPTH }

struct parse_input {
    trommel_str url;              /* final URL, normalised; may be empty */
    trommel_str content_type;     /* header value as received; may be empty (then sniffed) */
    trommel_str content_encoding; /* header value as received; may be empty */
    trommel_str body;             /* as received */
};

enum parse_kind { PARSE_HTML, PARSE_PLAIN, PARSE_NONE };

/* All memory is the arena's or static. */
struct parse_output {
    enum parse_kind kind;
    /* PARSE_NONE: why there is nothing to run through the chain; a short stable name.  no_content:
     * empty_body unsupported_type.  failed: bad_encoding (damaged gzip …), too_large, decode_ratio
     * (a bomb), unknown_encoding, too_complex. */
    const char *reason;
    int failed;               /* PARSE_NONE: 1 outcome failed, 0 outcome no_content */
    trommel_str content_type; /* "text/html", lower case, no parameters; sniffed if none was given */
    trommel_str charset;      /* WHATWG name, lower case ("utf-8"); empty for PARSE_NONE */
    const char *charset_how;  /* "bom" "header" "meta" "guess" "default" */
    trommel_str text;         /* the decoded page in UTF-8, U+FFFD for what was invalid */
    trommel_str base_url;     /* url, or what the first <base href> makes of it; may be empty */
    trommel_dom dom;          /* dom.flags has TROMMEL_DOM_CLAMPED, _PLAIN */
};

struct parse;
/* One a worker; keeps its parser and buffers from page to page.  NULL: out of memory. */
struct parse *parse_new(const struct parse_limits *limits);
void parse_free(struct parse *p); /* NULL-safe */
/* 0 (also for PARSE_NONE), or ERR_NOMEM, ERR_LIMIT (arena spent).  *ret lives as long as what is in the
 * arena, and until the next parse_page on p. */
int parse_page(struct parse *p, const struct parse_input *in, struct arena *a, struct parse_output *ret);
#endif
