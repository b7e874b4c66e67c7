/* html: what pages say, as text of an HTML page and nothing else.
 *
 * < > & " ' are escaped.  Control characters, marks of direction and characters that cannot be seen are shown
 * by their numbers (<b class="u">U+202E</b>): none turns the page's text around, and none hides in it. */
#ifndef TROMMEL_COMMAND_HTML_H
#define TROMMEL_COMMAND_HTML_H
#include <trommel/stage.h>

#include "base/buf.h"

void html_text(struct buf *b, trommel_str s);
#endif
