/* html: see html.h. */
#include "command/html.h"

#include "base/utf8.h"

/* Seen nowhere, or working on what stands around it. */
static int is_unseen(uint32_t c)
{
    static const struct {
        uint32_t from, to;
    } ranges[] = { { 0, 8 },           { 0xb, 0x1f },       { 0x7f, 0x9f },     { 0xad, 0xad },
                   { 0x34f, 0x34f },   { 0x61c, 0x61c },    { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 },
                   { 0x180e, 0x180e }, { 0x200b, 0x200f },  { 0x2028, 0x202e }, { 0x2060, 0x206f },
                   { 0x3164, 0x3164 }, { 0xfeff, 0xfeff },  { 0xffa0, 0xffa0 }, { 0xfff0, 0xfffb },
                   { 0xfffe, 0xffff }, { 0xe0000, 0xe0fff } };

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (c >= ranges[i].from && c <= ranges[i].to)
            return 1;
    return 0;
}

static const char *entity(unsigned char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void html_text(struct buf *b, trommel_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    uint32_t c;

    for (size_t i = 0, n; i < s.n; i += n) {
        n = utf8_read(p + i, s.n - i, &c);
        const char *e = c < 0x80 ? entity((unsigned char)c) : NULL;
        if (e)
            buf_add_str(b, e);
        else if (is_unseen(c))
            buf_printf(b, "<b class=\"u\">U+%04X</b>", (unsigned)c);
        else if (c == 0xfffd)
            buf_add_str(b, "\xef\xbf\xbd"); /* also for what is no UTF-8 */
        else
            buf_add(b, p + i, n);
    }
}
