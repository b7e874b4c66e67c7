/* hear: what wget2 does not tell its plugins, heard from its log.
 *
 * A plugin of wget2 is handed a URL and a file, and only of pages that were fetched: no status, no headers,
 * no word of errors.  All of that is in the lines that libwget and wget2 write to their logger of debug
 * messages, in the thread that fetches, before the page is handed over.  So the plugin puts a function of its
 * own before that logger's (wget_logger_set_func), reads what it needs, and hands every line on if somebody
 * listened; what wget2 prints stays as it was.  These lines are heard (the same in 1.99.1 and 2.x, never
 * translated):
 *
 *     dequeue job http://…                         what the thread fetches next      HTTP/1.1
 *     # sent N bytes:\nGET /path HTTP/1.1\r\n…     the request
 *     # got header N bytes:\nHTTP/1.1 200 OK\r\n…  the answer's head
 *     chunk size is N                              the last is 0                     (1.99.1 only)
 *     keep_alive=1                                 the answer is complete
 *     [FRAME N] > :path: /path                     the request                       HTTP/2
 *     :status: 200, content-type: …, [FRAME N] < HEADERS                             the answer's head
 *
 * Where nothing was heard a page goes without status (200) and headers (its type is sniffed). */
#ifndef TROMMEL_WGET2_HEAR_H
#define TROMMEL_WGET2_HEAR_H
#include <trommel/stage.h> /* trommel_str */

#include <time.h>

#include "api.h"

struct answer {
    unsigned status;                /* 0: nothing was heard */
    int is_head;                    /* to a HEAD request */
    int is_h2;                      /* HTTP/2 */
    int is_cut;                     /* chunks were heard, and the last of them was not the end */
    int is_told;                    /* on_other has had it */
    struct timespec since;          /* when it was asked for, by the clock that stamps files */
    unsigned long long chunk_bytes; /* in the chunks heard */
    api_buffer *head;               /* "Name: value\r\n" lines */
};

/* An answer for which wget2 calls no plugin: 304, errors, 204 and the like; no redirects.  Called once for
 * each, in the thread that fetched it. */
typedef void hear_other(const char *url, const struct answer *a);

/* Listens from now on.  In the main thread, before wget2 starts its downloaders.  0, or -1: no memory. */
int hear_start(hear_other *on_other);
/* What this thread heard of the answer with this page, or NULL.  Good until the thread goes on. */
struct answer *hear_answer(const api_iri *iri);
/* Hands an answer to on_other unless it has had it. */
void hear_tell(const char *url, struct answer *a);

/* A header field of an answer; see head_value.  a may be NULL. */
trommel_str answer_header(const struct answer *a, const char *name);
#endif
