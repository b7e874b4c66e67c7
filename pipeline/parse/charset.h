/* charset: which encoding a page is in, and its text in UTF-8.
 *
 * Order of the HTML standard: byte order mark, the header's charset, a meta element (prescan of the first
 * 1,024 bytes; then on to the body's start, where the standard would change its mind while parsing), then
 * a guess from the bytes (guess.c). */
#ifndef TROMMEL_PARSE_CHARSET_H
#define TROMMEL_PARSE_CHARSET_H
#include <lexbor/encoding/encoding.h>
#include <trommel/stage.h>

#include "base/buf.h"
#include "base/utf8.h"

struct charset {
    lxb_encoding_t encoding;
    const char *name; /* WHATWG name, lower case; static */
    const char *how;  /* "bom" "header" "meta" "guess" "default" */
};

/* What the page is in.  content_type: the header's value, may be empty; meta: look for meta elements. */
struct charset charset_find(trommel_str content_type, trommel_str body, int meta);
/* The standard's prescan over at most `bytes` bytes, ending at <body; LXB_ENCODING_UNDEFINED: none. */
lxb_encoding_t charset_prescan(trommel_str body, size_t bytes);
/* From a label ("latin1"); LXB_ENCODING_UNDEFINED if it is none. */
lxb_encoding_t charset_label(trommel_str label);
const char *charset_name(lxb_encoding_t e);

/* The guess, where nothing is said. */
lxb_encoding_t charset_guess(trommel_str body, int is_html, int *ret_default);

/* A multi-byte encoding whose text is mostly ASCII, or LXB_ENCODING_UNDEFINED. */
lxb_encoding_t charset_guess_sparse(trommel_str body);

/* The text in UTF-8 without byte order mark, U+FFFD for what is invalid.  *ret is `body` or a part of it
 * if nothing had to be changed, else in `room`.  0, ERR_NOMEM, ERR_LIMIT (over room's maximum). */
int charset_convert(struct charset c, trommel_str body, struct buf *room, trommel_str *ret);
#endif
