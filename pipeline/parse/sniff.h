/* sniff: what kind of content a body is, by its header's type, else by its first bytes (WHATWG MIME
 * Sniffing). */
#ifndef TROMMEL_PARSE_SNIFF_H
#define TROMMEL_PARSE_SNIFF_H
#include "parse/parse.h"

enum { SNIFF_BYTES = 1445, TYPE_MAX = 128 };

/* No byte among the first ones that never stands in text; not empty. */
int sniff_is_text(trommel_str body);
/* The kind; writes the type, lower case without parameters, to ret_type (NUL-terminated). */
enum parse_kind sniff_kind(trommel_str header, trommel_str body, char ret_type[TYPE_MAX]);
/* A UTF-16 byte order without a mark, by the zero bytes of mostly ASCII text: 1 big endian, -1 little,
 * 0 none. */
int sniff_utf16(trommel_str body);
#endif
