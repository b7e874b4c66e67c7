/* json_read: JSON as msgpack; the way back is json.c. */
#include <jansson.h>

#include "record/record.h"

static void pack_object(struct buf *b, json_t *object)
{
    const char *key;
    json_t *v;

    mp_map(b, (uint32_t)json_object_size(object));
    json_object_foreach(object, key, v)
    {
        mp_cstr(b, key);
        mp_json(b, v);
    }
}

void mp_json(struct buf *b, const struct json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        pack_object(b, (json_t *)(uintptr_t)value);
        break;
    case JSON_ARRAY:
        mp_array(b, (uint32_t)json_array_size(value));
        for (size_t i = 0; i < json_array_size(value); i++)
            mp_json(b, json_array_get(value, i));
        break;
    case JSON_STRING:
        mp_str(b, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        mp_int(b, json_integer_value(value));
        break;
    case JSON_REAL:
        mp_f64(b, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        mp_bool(b, json_is_true(value));
        break;
    default:
        mp_nil(b);
    }
}
