/* source: where the bytes of a page named on the command line come from: a file, standard input, the web.
 *
 * A source that gives none is an outcome, not an error: it has a reason and a message for people. */
#ifndef TROMMEL_COMMAND_SOURCE_H
#define TROMMEL_COMMAND_SOURCE_H
#include <trommel/stage.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

struct source {
    struct buf body;
    struct arena arena; /* owns the strings below */
    trommel_str content_type, content_encoding, headers, url, final_url, fetch;
    trommel_str hops[LIMIT_REDIRECTS + 1]; /* URLs gone through */
    unsigned n_hops;
    int status;
    const char *reason; /* NULL: there are bytes; else why there are none, a short stable name */
    char message[400];  /* for people: what was wrong and the mend */
};
void source_init(struct source *s);
void source_clear(struct source *s); /* for the next page; keeps the memory */
void source_release(struct source *s);

/* Reads a file ("-": standard input) up to LIMIT_BODY_BYTES.  The type is known by the name's ending, if at
 * all; .gz, .br and .zst are left for the worker to decode. */
void source_file(struct source *s, const char *path);

struct web;
struct web_options {
    const char *user_agent;
    int allow_private, insecure;
};
int web_new(const struct web_options *opt, struct web **ret, struct err *err);
void web_free(struct web *w); /* NULL-safe */
/* GETs a URL, follows up to LIMIT_REDIRECTS redirects; every hop is judged.  Blocks. */
void source_web(struct source *s, struct web *w, const char *url);
int is_web_url(const char *text); /* http:// or https:// */
int is_url(const char *text);     /* absolute, of any scheme */
#endif
