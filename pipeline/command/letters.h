/* letters: which of a job's dead letters count.
 *
 * The folder dead-letters/ is only ever added to: a page that was run again and failed again has one more
 * letter, and the last one of a page counts.  The file `settled` in it names the pages that came out well
 * since: entries of 20 bytes: the record's id, CRC-32 (zlib's, little-endian) of it What is true of a page
 * the frontier knows; `settled` is its copy for those who only list the letters, which must not open the
 * frontier of a job that runs.  Entries that are torn or damaged count for nothing. */
#ifndef TROMMEL_COMMAND_LETTERS_H
#define TROMMEL_COMMAND_LETTERS_H
#include <stdint.h>

#include "base/err.h"
#include "record/record.h"

struct letters;
/* Reads the folder once from end to end.  What is damaged there is passed over: who reads the letters says
 * it. */
int letters_open(const char *dir, struct letters **ret, struct err *err);
/* To be asked once for each record, in the order of the folder: is it the last one of its page, and not
 * settled? What was not there when the folder was read counts. */
int letters_count(struct letters *l, const uint8_t id[RECORD_ID_BYTES]);
/* How many pages have a letter that counts. */
uint64_t letters_pages(const struct letters *l);
int letters_is_settled(const struct letters *l, const uint8_t id[RECORD_ID_BYTES]);
/* Writes down that it is settled.  ERR_IO with errno: nothing was. */
int letters_settle(struct letters *l, const uint8_t id[RECORD_ID_BYTES]);
void letters_close(struct letters *l); /* NULL-safe */

/* Appends a letter that has page.body, without it: what people read. */
void letter_without_body(struct buf *to, const void *record, size_t n);
#endif
