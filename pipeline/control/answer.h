/* answer: the lines that a client gets, as JSON.  Internal to control/. */
#ifndef TROMMEL_CONTROL_ANSWER_H
#define TROMMEL_CONTROL_ANSWER_H
#include <jansson.h>

#include "base/err.h"

/* {"ok":false,"error":{code, text, …}}: detail, which it takes, holds more keys for `error`; may be NULL. */
json_t *answer_failed(const struct err *why, json_t *detail);
#endif
