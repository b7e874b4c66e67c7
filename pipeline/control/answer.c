/* answer: see answer.h. */
#include "control/answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "control/control.h"

json_t *control_text(const char *text)
{
    if (!text)
        return json_null();
    char *copy = strdup(text);
    size_t n = strlen(text), at = 0;

    if (!copy)
        abort();
    while ((at += utf8_valid(copy + at, n - at)) < n)
        copy[at] = '?';
    json_t *s = json_stringn(copy, n);
    free(copy);
    return s;
}

json_t *answer_failed(const struct err *why, json_t *detail)
{
    json_t *error = json_object(), *o = json_object();

    json_object_set_new(error, "code", json_string(err_name(why->code)));
    json_object_set_new(error, "text", control_text(why->text));
    if (detail)
        json_object_update_missing(error, detail);
    json_decref(detail);
    json_object_set_new(o, "ok", json_false());
    json_object_set_new(o, "error", error);
    return o;
}
