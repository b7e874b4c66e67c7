/* charset: see charset.h.  The prescan is the HTML standard's algorithm, step by step; it reads the
 * first 1,024 bytes and, if they say nothing, on to <body or 64 KiB. */
#include "parse/charset.h"

#include <string.h>
#include <strings.h>

#include "parse/sniff.h"

enum { PRESCAN_BYTES = 1024, PRESCAN_MORE = 64 * 1024, LABEL_MAX = 64 };

static const char *const names[LXB_ENCODING_LAST_ENTRY] = {
    [LXB_ENCODING_BIG5] = "big5",
    [LXB_ENCODING_EUC_JP] = "euc-jp",
    [LXB_ENCODING_EUC_KR] = "euc-kr",
    [LXB_ENCODING_GBK] = "gbk",
    [LXB_ENCODING_IBM866] = "ibm866",
    [LXB_ENCODING_ISO_2022_JP] = "iso-2022-jp",
    [LXB_ENCODING_ISO_8859_10] = "iso-8859-10",
    [LXB_ENCODING_ISO_8859_13] = "iso-8859-13",
    [LXB_ENCODING_ISO_8859_14] = "iso-8859-14",
    [LXB_ENCODING_ISO_8859_15] = "iso-8859-15",
    [LXB_ENCODING_ISO_8859_16] = "iso-8859-16",
    [LXB_ENCODING_ISO_8859_2] = "iso-8859-2",
    [LXB_ENCODING_ISO_8859_3] = "iso-8859-3",
    [LXB_ENCODING_ISO_8859_4] = "iso-8859-4",
    [LXB_ENCODING_ISO_8859_5] = "iso-8859-5",
    [LXB_ENCODING_ISO_8859_6] = "iso-8859-6",
    [LXB_ENCODING_ISO_8859_7] = "iso-8859-7",
    [LXB_ENCODING_ISO_8859_8] = "iso-8859-8",
    [LXB_ENCODING_ISO_8859_8_I] = "iso-8859-8-i",
    [LXB_ENCODING_KOI8_R] = "koi8-r",
    [LXB_ENCODING_KOI8_U] = "koi8-u",
    [LXB_ENCODING_SHIFT_JIS] = "shift_jis",
    [LXB_ENCODING_UTF_16BE] = "utf-16be",
    [LXB_ENCODING_UTF_16LE] = "utf-16le",
    [LXB_ENCODING_UTF_8] = "utf-8",
    [LXB_ENCODING_GB18030] = "gb18030",
    [LXB_ENCODING_MACINTOSH] = "macintosh",
    [LXB_ENCODING_REPLACEMENT] = "replacement",
    [LXB_ENCODING_WINDOWS_1250] = "windows-1250",
    [LXB_ENCODING_WINDOWS_1251] = "windows-1251",
    [LXB_ENCODING_WINDOWS_1252] = "windows-1252",
    [LXB_ENCODING_WINDOWS_1253] = "windows-1253",
    [LXB_ENCODING_WINDOWS_1254] = "windows-1254",
    [LXB_ENCODING_WINDOWS_1255] = "windows-1255",
    [LXB_ENCODING_WINDOWS_1256] = "windows-1256",
    [LXB_ENCODING_WINDOWS_1257] = "windows-1257",
    [LXB_ENCODING_WINDOWS_1258] = "windows-1258",
    [LXB_ENCODING_WINDOWS_874] = "windows-874",
    [LXB_ENCODING_X_MAC_CYRILLIC] = "x-mac-cyrillic",
    [LXB_ENCODING_X_USER_DEFINED] = "x-user-defined",
};

const char *charset_name(lxb_encoding_t e)
{
    return (unsigned)e < LXB_ENCODING_LAST_ENTRY && names[e] ? names[e] : "windows-1252";
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

lxb_encoding_t charset_label(trommel_str label)
{
    while (label.n && is_space(label.p[0]))
        label.p++, label.n--;
    while (label.n && is_space(label.p[label.n - 1]))
        label.n--;
    if (label.n == 0 || label.n > LABEL_MAX)
        return LXB_ENCODING_UNDEFINED;
    const lxb_encoding_data_t *data = lxb_encoding_data_by_name((const lxb_char_t *)label.p, label.n);
    return data ? data->encoding : LXB_ENCODING_UNDEFINED;
}

/* ---- "…charset=…" ------------------------------------------------------------------------------ */

/* The standard's "extracting a character encoding from a meta element"; for headers as well. */
static lxb_encoding_t charset_extract(trommel_str s)
{
    for (size_t at = 0; at + 7 <= s.n; at++) {
        if (strncasecmp(s.p + at, "charset", 7) != 0)
            continue;
        size_t i = at + 7;
        while (i < s.n && is_space(s.p[i]))
            i++;
        if (i >= s.n || s.p[i] != '=') {
            at = i - 1;
            continue;
        }
        for (i++; i < s.n && is_space(s.p[i]);)
            i++;
        if (i >= s.n)
            return LXB_ENCODING_UNDEFINED;
        char quote = s.p[i] == '"' || s.p[i] == '\'' ? s.p[i++] : 0;
        size_t from = i;
        while (i < s.n && (quote ? s.p[i] != quote : !is_space(s.p[i]) && s.p[i] != ';' && s.p[i] != ','))
            i++;
        if (quote && i == s.n)
            return LXB_ENCODING_UNDEFINED;
        return charset_label((trommel_str){ s.p + from, i - from });
    }
    return LXB_ENCODING_UNDEFINED;
}

/* ---- the prescan ------------------------------------------------------------------------------- */

struct scan {
    const char *p, *end;
};

struct scan_attr {
    trommel_str value;
    char name[16]; /* lower case, cut: those looked for are shorter */
};

static int scan_starts(const struct scan *s, const char *lower_text)
{
    size_t n = strlen(lower_text);

    if ((size_t)(s->end - s->p) < n)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (lower(s->p[i]) != lower_text[i])
            return 0;
    return 1;
}

static void scan_name(struct scan *s, struct scan_attr *ret)
{
    size_t n = 0;

    while (s->p < s->end && !is_space(*s->p) && *s->p != '/' && *s->p != '>') {
        if (*s->p == '=' && n)
            break;
        if (n < sizeof ret->name - 1)
            ret->name[n++] = lower(*s->p);
        s->p++;
    }
    ret->name[n] = 0;
}

/* One attribute of the tag at hand; 0: the tag (or the input) is at its end. */
static int scan_attr(struct scan *s, struct scan_attr *ret)
{
    *ret = (struct scan_attr){ { s->p, 0 }, "" };
    while (s->p < s->end && (is_space(*s->p) || *s->p == '/'))
        s->p++;
    if (s->p >= s->end || *s->p == '>')
        return 0;
    scan_name(s, ret);
    while (s->p < s->end && is_space(*s->p))
        s->p++;
    if (s->p >= s->end)
        return 0;
    if (*s->p != '=')
        return 1;
    s->p++;
    while (s->p < s->end && is_space(*s->p))
        s->p++;
    if (s->p >= s->end)
        return 0;
    char quote = *s->p == '"' || *s->p == '\'' ? *s->p++ : 0;
    ret->value.p = s->p;
    while (s->p < s->end && (quote ? *s->p != quote : !is_space(*s->p) && *s->p != '>'))
        s->p++;
    ret->value.n = (size_t)(s->p - ret->value.p);
    if (s->p >= s->end)
        return 0; /* cut off: the value cannot be trusted */
    s->p += quote != 0;
    return 1;
}

static lxb_encoding_t scan_meta(struct scan *s)
{
    struct scan_attr a;
    int got_pragma = 0, need_pragma = -1, seen_equiv = 0, seen_content = 0, seen_charset = 0;
    lxb_encoding_t found = LXB_ENCODING_UNDEFINED;

    while (scan_attr(s, &a)) {
        if (strcmp(a.name, "http-equiv") == 0 && !seen_equiv) {
            seen_equiv = 1;
            got_pragma = a.value.n == 12 && strncasecmp(a.value.p, "content-type", 12) == 0;
        } else if (strcmp(a.name, "content") == 0 && !seen_content) {
            seen_content = 1;
            lxb_encoding_t e = charset_extract(a.value);
            if (e != LXB_ENCODING_UNDEFINED && found == LXB_ENCODING_UNDEFINED && !seen_charset) {
                found = e;
                need_pragma = 1;
            }
        } else if (strcmp(a.name, "charset") == 0 && !seen_charset) {
            seen_charset = 1;
            found = charset_label(a.value);
            need_pragma = 0;
        }
    }
    if (need_pragma < 0 || (need_pragma && !got_pragma))
        return LXB_ENCODING_UNDEFINED;
    if (found == LXB_ENCODING_UTF_16BE || found == LXB_ENCODING_UTF_16LE)
        return LXB_ENCODING_UTF_8;
    return found == LXB_ENCODING_X_USER_DEFINED ? LXB_ENCODING_WINDOWS_1252 : found;
}

static void scan_to(struct scan *s, const char *what)
{
    size_t n = strlen(what);
    const char *at = memmem(s->p, (size_t)(s->end - s->p), what, n);

    s->p = at ? at + n : s->end;
}

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

lxb_encoding_t charset_prescan(trommel_str body, size_t bytes)
{
    struct scan s = { body.p, body.p + (body.n < bytes ? body.n : bytes) };
    struct scan_attr a;

    while (s.p < s.end) {
        const char *lt = memchr(s.p, '<', (size_t)(s.end - s.p));
        if (!lt || s.end - lt < 2)
            break;
        s.p = lt;
        if (scan_starts(&s, "<!--")) {
            s.p += 2; /* "<!-->" is a whole comment */
            scan_to(&s, "-->");
        } else if (scan_starts(&s, "<meta") && s.end - s.p > 5 && (is_space(s.p[5]) || s.p[5] == '/')) {
            s.p += 5;
            lxb_encoding_t e = scan_meta(&s);
            if (e != LXB_ENCODING_UNDEFINED)
                return e;
        } else if (scan_starts(&s, "<body")) {
            break;
        } else if (is_letter(s.p[1]) || (s.p[1] == '/' && s.end - s.p > 2 && is_letter(s.p[2]))) {
            while (s.p < s.end && !is_space(*s.p) && *s.p != '>')
                s.p++;
            while (scan_attr(&s, &a))
                ;
        } else if (s.p[1] == '!' || s.p[1] == '/' || s.p[1] == '?') {
            scan_to(&s, ">");
        } else {
            s.p++;
        }
    }
    return LXB_ENCODING_UNDEFINED;
}

/* ---- all together ------------------------------------------------------------------------------ */

static lxb_encoding_t bom_of(trommel_str b)
{
    const unsigned char *p = (const unsigned char *)b.p;

    if (b.n >= 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf)
        return LXB_ENCODING_UTF_8;
    if (b.n >= 2 && p[0] == 0xfe && p[1] == 0xff)
        return LXB_ENCODING_UTF_16BE;
    if (b.n >= 2 && p[0] == 0xff && p[1] == 0xfe)
        return LXB_ENCODING_UTF_16LE;
    return LXB_ENCODING_UNDEFINED;
}

static struct charset charset_is(lxb_encoding_t e, const char *how)
{
    return (struct charset){ e, charset_name(e), how };
}

struct charset charset_find(trommel_str content_type, trommel_str body, int meta)
{
    lxb_encoding_t e = bom_of(body);

    if (e != LXB_ENCODING_UNDEFINED)
        return charset_is(e, "bom");
    e = charset_extract(content_type);
    if (e != LXB_ENCODING_UNDEFINED)
        return charset_is(e, "header");
    if (meta) {
        e = charset_prescan(body, PRESCAN_BYTES);
        if (e == LXB_ENCODING_UNDEFINED)
            e = charset_prescan(body, PRESCAN_MORE);
        if (e != LXB_ENCODING_UNDEFINED)
            return charset_is(e, "meta");
    }
    int is_default = 0;
    e = charset_guess(body, meta, &is_default);
    return charset_is(e, is_default ? "default" : "guess");
}
