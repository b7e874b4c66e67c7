/* fields: see fields.h. */
#include "control/fields.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = { [FIELD_STR] = "text that is not empty",
                                     [FIELD_STRS] = "a list of texts",
                                     [FIELD_NUM] = "a number",
                                     [FIELD_FLAG] = "true or false",
                                     [FIELD_MAP] = "an object" };

static int strs_fit(const json_t *v)
{
    size_t n = json_array_size(v);

    for (size_t i = 0; i < n; i++)
        if (!json_string_length(json_array_get(v, i)))
            return 0;
    return json_is_array(v) && n && n <= FIELD_STRS_MAX;
}

static int value_fits(const struct field *row, const json_t *v)
{
    switch (row->kind) {
    case FIELD_STR:
        return json_string_length(v) > 0;
    case FIELD_STRS:
        return strs_fit(v);
    case FIELD_NUM:
        return json_is_number(v) && json_number_value(v) >= row->min && json_number_value(v) <= row->max;
    case FIELD_FLAG:
        return json_is_boolean(v);
    case FIELD_MAP:
        return json_is_object(v);
    }
    return 0;
}

static const struct field *row_find(const struct field *rows, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(rows[i].name, name))
            return &rows[i];
    return NULL;
}

int fields_check(const char *what, const json_t *o, const struct field *rows, size_t n_rows, struct err *err)
{
    const char *name;
    json_t *v;

    json_object_foreach((json_t *)o, name, v)
    {
        const struct field *row = row_find(rows, n_rows, name);
        if (!strcmp(name, "v") || !strcmp(name, "cmd"))
            continue;
        if (!row)
            return err_set(err, ERR_USAGE, "%s: it has no field \"%.60s\"", what, name);
        if (value_fits(row, v))
            continue;
        if (row->kind == FIELD_NUM)
            return err_set(err, ERR_USAGE, "%s: \"%s\" must be a number from %g to %g", what, name, row->min,
                           row->max);
        return err_set(err, ERR_USAGE, "%s: \"%s\" must be %s", what, name, kinds[row->kind]);
    }
    for (size_t i = 0; i < n_rows; i++)
        if (rows[i].needed && !json_object_get(o, rows[i].name))
            return err_set(err, ERR_USAGE, "%s: the field \"%s\" is missing", what, rows[i].name);
    return 0;
}

const char **fields_texts(const json_t *o, const char *key, size_t *ret_n)
{
    const json_t *list = json_object_get(o, key);
    const char **texts = NULL;

    *ret_n = json_array_size(list);
    if (*ret_n && !(texts = calloc(*ret_n, sizeof *texts)))
        abort();
    for (size_t i = 0; i < *ret_n; i++)
        texts[i] = json_string_value(json_array_get(list, i));
    return texts;
}
