/* url: URLs by the WHATWG URL Standard (lexbor's module), normalised once, where they enter.
 *
 * Normal form here: the standard's serialisation, without fragment; http and https only.  What comes out
 * is ASCII, at most LIMIT_URL_BYTES, and may be split with url_split without parsing again. */
#ifndef TROMMEL_PARSE_URL_H
#define TROMMEL_PARSE_URL_H
#include <trommel/stage.h>

#include "base/arena.h"

struct url_parser;
struct url_parser *url_parser_new(void); /* NULL: out of memory */
void url_parser_free(struct url_parser *u);

/* Makes `ref` absolute against `base` (empty: ref must be absolute) and normalises it.  0; ERR_INVALID (no
 * URL), ERR_UNSUPPORTED (another scheme), ERR_LIMIT (too long), ERR_NOMEM.  *ret is the arena's. */
int url_resolve(struct url_parser *u, trommel_str base, trommel_str ref, struct arena *a, trommel_str *ret);

/* Parts of a normalised URL, borrowed from it. */
struct url_parts {
    trommel_str scheme;   /* "https" */
    trommel_str origin;   /* "https://host:8443" (default ports are left out by the normal form) */
    trommel_str host;     /* "host", "127.0.0.1", "[::1]"; no port */
    trommel_str port;     /* "8443" or empty */
    trommel_str path;     /* from "/" up to "?" */
    trommel_str query;    /* behind "?", or empty */
    trommel_str target;   /* path and query */
};
/* ERR_INVALID if it is not in normal form. */
int url_split(trommel_str url, struct url_parts *ret);
#endif
