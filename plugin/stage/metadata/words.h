/* words: what class names, labels and meta keys say. */
#ifndef TROMMEL_STAGE_METADATA_WORDS_H
#define TROMMEL_STAGE_METADATA_WORDS_H
#include "plugin/stage/metadata/meta.h"

/* R_* that the words of a class or id attribute speak of. */
uint32_t words_class(str s);
/* B_LABEL_* of the text in front of a date; 0: none. */
uint32_t words_date_label(str before);
/* Bytes of a byline's opening ("By ", "Written by: ") at the start of s; 0: none.  *ret_strong: it can hardly
 * mean anything else. */
size_t words_by(str s, int *ret_strong);
/* Is the text a label for tags, "Tags:", "Filed under"?  Bytes of the label, 0: no. */
size_t words_tag_label(str s);

/* Does a link with this segment in its path, or this query key, lead to a person's page? */
int words_person_part(str part);

/* What a meta element's key means. */
struct words_key {
    const char *key;
    uint8_t what, how;
    uint32_t bits;
};
/* NULL: nothing of ours.  key: any case. */
const struct words_key *words_meta(str key);
#endif
