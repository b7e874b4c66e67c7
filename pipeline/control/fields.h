/* fields: what a request may hold, as rows; checked before anything is done. */
#ifndef TROMMEL_CONTROL_FIELDS_H
#define TROMMEL_CONTROL_FIELDS_H
#include <jansson.h>

#include "base/err.h"

enum field_kind { FIELD_STR, FIELD_STRS, FIELD_NUM, FIELD_FLAG, FIELD_MAP };
struct field {
    const char *name;
    enum field_kind kind;
    int needed;
    double min, max; /* of a number */
};
enum { FIELD_STRS_MAX = 4096 }; /* entries of a list */

/* Is every key of `o` (but "v" and "cmd") one of the rows, of its kind, and is what is needed there?  Strings
 * and lists are not empty.  ERR_USAGE: the message begins with `what` ("stage.add") and names the key and
 * what it must be. */
int fields_check(const char *what, const json_t *o, const struct field *rows, size_t n_rows, struct err *err);
/* The texts of the list `key` (checked): the array is the caller's, the texts are the list's.  None: NULL. */
const char **fields_texts(const json_t *o, const char *key, size_t *ret_n);
#endif
