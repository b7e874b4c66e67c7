/* server_raw.h: answers that lie in a folder as the bytes to be sent (tests/site300/make.py makes one).
 *
 * DIR/site.tsv has a line for each: the target with its path decoded, a tab, the file with head and body, and
 * what nobody reads here.  It is read anew for each request: the folder may be made when the port is known.
 */
#ifndef TROMMEL_TESTS_SERVER_RAW_H
#define TROMMEL_TESTS_SERVER_RAW_H
#include <stddef.h>

/* Reads a regular file; NULL if there is none.  The caller frees it. */
char *file_read(const char *path, size_t *ret_n);

/* The answer for a target (path decoded; query NULL if there is none), malloc'd; NULL if there is none. */
char *raw_answer(const char *dir, const char *path, const char *query, size_t *ret_n);
/* The bytes of its head, with the empty line. */
size_t raw_head(const char *answer, size_t n);
int raw_status(const char *answer, size_t n);
/* Whether the connection is to be closed behind it. */
int raw_closes(const char *answer, size_t n);
#endif
