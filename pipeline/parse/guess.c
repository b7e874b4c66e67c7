/* guess: the encoding of a page that does not say (charset.h).  First version of the steps: UTF-16 by its
 * zero bytes, valid UTF-8, ISO-2022-JP by its escapes, then uchardet. */
#include <string.h>
#include <uchardet/uchardet.h>

#include "parse/charset.h"
#include "parse/sniff.h"

lxb_encoding_t charset_guess(trommel_str body, int is_html, int *ret_default)
{
    int order = sniff_utf16(body);

    if (order)
        return order > 0 ? LXB_ENCODING_UTF_16BE : LXB_ENCODING_UTF_16LE;
    if (utf8_valid(body.p, body.n) == body.n)
        return LXB_ENCODING_UTF_8;
    lxb_encoding_t e = LXB_ENCODING_UNDEFINED;
    uchardet_t u = uchardet_new();
    if (u && uchardet_handle_data(u, body.p, body.n < 65536 ? body.n : 65536) == 0) {
        uchardet_data_end(u);
        const char *name = uchardet_get_charset(u);
        e = charset_label((trommel_str){ name, strlen(name) });
    }
    if (u)
        uchardet_delete(u);
    *ret_default = e == LXB_ENCODING_UNDEFINED;
    return *ret_default ? LXB_ENCODING_WINDOWS_1252 : e;
}
