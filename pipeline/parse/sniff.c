/* sniff: see sniff.h.  Looks at the first 1,445 bytes at most. */
#include "parse/sniff.h"

#include <string.h>
#include <strings.h>

static int is_binary_byte(unsigned char c)
{
    return c <= 0x08 || c == 0x0b || (c >= 0x0e && c <= 0x1a) || (c >= 0x1c && c <= 0x1f);
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

int sniff_is_text(trommel_str body)
{
    size_t n = body.n < SNIFF_BYTES ? body.n : SNIFF_BYTES;

    for (size_t i = 0; i < n; i++)
        if (is_binary_byte((unsigned char)body.p[i]))
            return 0;
    return n != 0;
}

int sniff_utf16(trommel_str body)
{
    size_t n = (body.n < SNIFF_BYTES ? body.n : SNIFF_BYTES) / 2, even = 0, odd = 0, both = 0;

    for (size_t i = 0; i < n; i++) {
        even += body.p[2 * i] == 0;
        odd += body.p[2 * i + 1] == 0;
        both += body.p[2 * i] == 0 && body.p[2 * i + 1] == 0;
    }
    if (n < 4 || both)
        return 0;
    /* Mark-up is ASCII: most units have a zero byte, always on the same side. */
    if (even * 2 > n && odd * 8 < even)
        return 1;
    return odd * 2 > n && even * 8 < odd ? -1 : 0;
}

static int has_bom(trommel_str b)
{
    const unsigned char *p = (const unsigned char *)b.p;

    return (b.n >= 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf) ||
           (b.n >= 2 && ((p[0] == 0xfe && p[1] == 0xff) || (p[0] == 0xff && p[1] == 0xfe)));
}

/* A tag from the standard's table behind white space, followed by a space or ">". */
static int looks_like_html(trommel_str b)
{
    static const char *const tags[] = { "<!doctype html", "<html", "<head", "<script", "<iframe", "<h1",
                                        "<div", "<font", "<table", "<a", "<style", "<title", "<b", "<body",
                                        "<br", "<p", "<meta", "<link" };

    while (b.n && is_space(b.p[0]))
        b.p++, b.n--;
    if (b.n >= 4 && memcmp(b.p, "<!--", 4) == 0)
        return 1;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        size_t n = strlen(tags[i]), k = 0;
        while (k < n && k < b.n && lower(b.p[k]) == tags[i][k])
            k++;
        if (k == n && k < b.n && (is_space(b.p[k]) || b.p[k] == '>'))
            return 1;
    }
    return 0;
}

static int head_has(trommel_str b, const char *what, size_t n)
{
    return b.p && memmem(b.p, b.n < SNIFF_BYTES ? b.n : SNIFF_BYTES, what, n) != NULL;
}

static enum parse_kind sniff_unknown(trommel_str body, char type[TYPE_MAX])
{
    const char *found = "application/octet-stream";
    enum parse_kind kind = PARSE_NONE;
    trommel_str text = body;

    if (has_bom(body) && (unsigned char)body.p[0] == 0xef)
        text.p += 3, text.n -= 3;
    if (looks_like_html(text)) {
        found = "text/html";
        kind = PARSE_HTML;
    } else if (body.n >= 5 && memcmp(body.p, "%PDF-", 5) == 0) {
        found = "application/pdf";
    } else if (text.n >= 5 && memcmp(text.p, "<?xml", 5) == 0) {
        found = "text/xml";
        /* XHTML says so soon. */
        if (head_has(text, "<html", 5) || head_has(text, "<!DOCTYPE html", 14)) {
            found = "application/xhtml+xml";
            kind = PARSE_HTML;
        }
    } else if (sniff_utf16(body) || (has_bom(body) && (unsigned char)body.p[0] != 0xef)) {
        int html = head_has(body, "<\0h\0t\0m\0l", 9) || head_has(body, "<\0!\0D\0O\0C", 9) ||
                   head_has(body, "<\0!\0d\0o\0c", 9);
        found = html ? "text/html" : "text/plain";
        kind = html ? PARSE_HTML : PARSE_PLAIN;
    } else if (sniff_is_text(body)) {
        found = "text/plain";
        kind = PARSE_PLAIN;
    }
    strcpy(type, found);
    return kind;
}

static void type_copy(trommel_str header, char type[TYPE_MAX])
{
    size_t n = 0;

    while (header.n && is_space(header.p[0]))
        header.p++, header.n--;
    for (size_t i = 0; i < header.n && n < TYPE_MAX - 1; i++) {
        if (header.p[i] == ';' || header.p[i] == ',' || is_space(header.p[i]))
            break;
        type[n++] = lower(header.p[i]);
    }
    type[n] = 0;
}

static int is_token(const char *type)
{
    const char *slash = strchr(type, '/');

    if (!slash || slash == type || !slash[1] || strchr(slash + 1, '/'))
        return 0;
    for (; *type; type++)
        if ((unsigned char)*type <= ' ' || (unsigned char)*type >= 0x7f ||
            strchr("\"(),:;<=>?@[\\]{}", *type))
            return 0;
    return 1;
}

static int type_in(const char *type, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(type, *list) == 0)
            return 1;
    return 0;
}

enum parse_kind sniff_kind(trommel_str header, trommel_str body, char ret_type[TYPE_MAX])
{
    static const char *const html[] = { "text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml",
                                        NULL };
    static const char *const plain[] = { "text/plain", "text/markdown", "text/x-markdown", NULL };
    static const char *const unknown[] = { "", "unknown/unknown", "application/unknown", "*/*", NULL };

    type_copy(header, ret_type);
    if (type_in(ret_type, unknown) || !is_token(ret_type))
        return sniff_unknown(body, ret_type);
    if (type_in(ret_type, html))
        return PARSE_HTML;
    if (!type_in(ret_type, plain))
        return PARSE_NONE;
    /* Servers label what they do not know as text/plain. */
    if (has_bom(body) || sniff_is_text(body) || sniff_utf16(body))
        return PARSE_PLAIN;
    return PARSE_NONE;
}
