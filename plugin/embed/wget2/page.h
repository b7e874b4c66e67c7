/* page: an answer as wget2 has it, as an input of the pipeline.
 *
 * The body is what a browser would see of it: chunks joined, compression taken off by wget2.  Where it is:
 *     in memory    only if it came with a Content-Length and without compression; wget2 hands it over
 *     in the file  else: wget2 gives the size as sent, or none, so the plugin reads the file that wget2
 * wrote, also where it was given another name (page.1, page.html), and without the headers of
 *                  --save-headers
 *     nowhere      when there is no file (--spider, --delete-after, -O with -r) and it was chunked or
 * compressed */
#ifndef TROMMEL_WGET2_PAGE_H
#define TROMMEL_WGET2_PAGE_H
#include "hear.h"

/* Hands the page of a file to the pipeline.  a: what was heard of it, or NULL.  delete_file: removes wget2's
 * file of it then. */
void page_put(api_file *file, const char *url, const struct answer *a, int delete_file);
/* Hands an answer without a page to the pipeline. */
void page_put_none(const char *url, const struct answer *a);
#endif
