/* text: strings of this stage.  See text.h.
 *
 * Folding is simple on purpose: it serves comparison only and never shows in a record. */
#include <string.h>

#include "plugin/stage/metadata/text.h"

uint32_t text_next(const char **p, const char *end)
{
    const unsigned char *s = (const unsigned char *)*p;
    size_t left = (size_t)(end - *p);
    uint32_t cp = s[0];
    size_t n = cp < 0x80 ? 1 : cp < 0xC2 ? 0 : cp < 0xE0 ? 2 : cp < 0xF0 ? 3 : cp < 0xF5 ? 4 : 0;

    if (n == 1) {
        *p += 1;
        return cp;
    }
    if (n == 0 || n > left)
        goto bad;
    cp &= 0x7Fu >> n;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            goto bad;
        cp = cp << 6 | (s[i] & 0x3Fu);
    }
    if ((n == 3 && (cp < 0x800 || (cp >= 0xD800 && cp < 0xE000))) ||
        (n == 4 && (cp < 0x10000 || cp > 0x10FFFF)))
        goto bad;
    *p += n;
    return cp;
bad:
    *p += 1;
    return 0xFFFD;
}

size_t text_put(uint32_t cp, char *ret)
{
    if (cp < 0x80) {
        ret[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        ret[0] = (char)(0xC0 | cp >> 6);
        ret[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        ret[0] = (char)(0xE0 | cp >> 12);
        ret[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        ret[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    ret[0] = (char)(0xF0 | cp >> 18);
    ret[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    ret[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    ret[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

uint32_t text_lower(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if (c >= 0xC0 && c <= 0xDE && c != 0xD7)
        return c + 32;
    if (c >= 0x100 && c <= 0x17F) {
        if (c == 0x130)
            return 'i';
        if (c == 0x178)
            return 0xFF;
        if (c == 0x17F)
            return 's';
        int odd_upper = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
        if (c == 0x138 || c == 0x149)
            return c;
        return (c & 1) == (odd_upper ? 1u : 0u) ? c + 1 : c;
    }
    if (c >= 0x391 && c <= 0x3A9)
        return c + 32;
    if (c >= 0x386 && c <= 0x38F)
        return c == 0x386                 ? 0x3AC
               : c >= 0x388 && c <= 0x38A ? c + 37
               : c == 0x38C               ? 0x3CC
               : c >= 0x38E               ? c + 63
                                          : c;
    if (c >= 0x410 && c <= 0x42F)
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    if (c >= 0x460 && c <= 0x52F && !(c >= 0x482 && c <= 0x48B))
        return c & 1 ? c : c + 1;
    if (c >= 0x531 && c <= 0x556)
        return c + 48;
    if (c >= 0x1E00 && c <= 0x1EFF)
        return c & 1 ? c : c + 1;
    return c;
}

int text_is_space(uint32_t c)
{
    return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
           c == 0x3000;
}

/* Characters that nobody sees and that only harm comparison. */
static int invisible(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0xAD || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
           (c >= 0xFFF9 && c <= 0xFFFB) || (c & 0xFFFE) == 0xFFFE || (c >= 0xE0000 && c <= 0xE0FFF);
}

int text_is_word(uint32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (c < 0xC0)
        return c == 0xAA || c == 0xB2 || c == 0xB3 || c == 0xB5 || c == 0xB9 || c == 0xBA ||
               (c >= 0xBC && c <= 0xBE);
    if (c == 0xD7 || c == 0xF7)
        return 0;
    if (c >= 0x2000 && c <= 0x2BFF) /* punctuation, symbols, arrows; letter-like ones count as words */
        return (c >= 0x2070 && c <= 0x209C) || (c >= 0x2150 && c <= 0x218B) || (c >= 0x2460 && c <= 0x249B) ||
               (c >= 0x2102 && c <= 0x2139 && c != 0x2122 && c != 0x2117 && c != 0x2116);
    if (c >= 0x3000 && c <= 0x303F)
        return c == 0x3005 || c == 0x3006 || c == 0x3007;
    if (c == 0x30FB || (c >= 0xFE10 && c <= 0xFE6F) || (c >= 0xE000 && c <= 0xF8FF))
        return 0;
    if (c >= 0xFF00 && c <= 0xFFEF)
        return (c >= 0xFF10 && c <= 0xFF19) || (c >= 0xFF21 && c <= 0xFF3A) || (c >= 0xFF41 && c <= 0xFF5A) ||
               (c >= 0xFF66 && c <= 0xFFDC);
    if (c >= 0x1F000 && c <= 0x1FAFF)
        return 0;
    return c != 0xFFFD && !invisible(c) && !text_is_space(c);
}

str text_trim(str s)
{
    const char *end = s.p + s.n;

    while (s.p < end && (unsigned char)*s.p <= ' ')
        s.p++;
    while (end > s.p && (unsigned char)end[-1] <= ' ')
        end--;
    if (s.p == end || ((unsigned char)*s.p < 0x7F && (unsigned char)end[-1] < 0x7F))
        return (str){ s.p, (size_t)(end - s.p) };
    while (s.p < end) {
        const char *q = s.p;
        uint32_t c = text_next(&q, end);
        if (!text_is_space(c) && !invisible(c))
            break;
        s.p = q;
    }
    while (end > s.p) {
        const char *q = end - 1;
        while (q > s.p && (*q & 0xC0) == 0x80)
            q--;
        const char *r = q;
        uint32_t c = text_next(&r, end);
        if (r != end || (!text_is_space(c) && !invisible(c)))
            break;
        end = q;
    }
    return (str){ s.p, (size_t)(end - s.p) };
}

/* The few entities that are met in JSON and in twice-escaped attributes. */
static const struct {
    const char *name;
    uint32_t cp;
} entities_known[] = {
    { "amp", '&' },      { "quot", '"' },     { "apos", '\'' },     { "lt", '<' },       { "gt", '>' },
    { "nbsp", ' ' },     { "ndash", 0x2013 }, { "mdash", 0x2014 },  { "lsquo", 0x2018 }, { "rsquo", 0x2019 },
    { "ldquo", 0x201C }, { "rdquo", 0x201D }, { "hellip", 0x2026 }, { "bull", 0x2022 },  { "middot", 0xB7 },
    { "laquo", 0xAB },   { "raquo", 0xBB },   { "trade", 0x2122 },  { "reg", 0xAE },     { "copy", 0xA9 },
    { "eacute", 0xE9 },  { "egrave", 0xE8 },  { "agrave", 0xE0 },   { "aacute", 0xE1 },  { "ccedil", 0xE7 },
    { "auml", 0xE4 },    { "ouml", 0xF6 },    { "uuml", 0xFC },     { "Auml", 0xC4 },    { "Ouml", 0xD6 },
    { "Uuml", 0xDC },    { "szlig", 0xDF },   { "ntilde", 0xF1 },   { "oacute", 0xF3 },  { "iacute", 0xED },
    { "uacute", 0xFA },  { "euro", 0x20AC },  { "pound", 0xA3 },    { "deg", 0xB0 },     { "times", 0xD7 },
};

/* *p at '&'.  Advances past the entity and returns its character, or 0 and stays. */
static uint32_t entity(const char **p, const char *end)
{
    const char *q = *p + 1;
    uint32_t cp = 0;

    if (q < end && *q == '#') {
        int hex = q + 1 < end && (q[1] | 32) == 'x';
        const char *digits = q += 1 + hex;
        for (; q < end && q - digits < 8; q++) {
            int v = *q >= '0' && *q <= '9'                        ? *q - '0'
                    : hex && (*q | 32) >= 'a' && (*q | 32) <= 'f' ? (*q | 32) - 'a' + 10
                                                                  : -1;
            if (v < 0)
                break;
            cp = cp * (hex ? 16 : 10) + (uint32_t)v;
        }
        if (q == digits || q == end || *q != ';' || cp == 0 || cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000))
            return 0;
        *p = q + 1;
        return cp;
    }
    while (q < end && q - *p < 9 && ((*q | 32) >= 'a' && (*q | 32) <= 'z'))
        q++;
    if (q == end || *q != ';')
        return 0;
    size_t n = (size_t)(q - *p - 1);
    for (size_t i = 0; i < sizeof entities_known / sizeof *entities_known; i++) {
        if (strlen(entities_known[i].name) == n && memcmp(entities_known[i].name, *p + 1, n) == 0) {
            *p = q + 1;
            return entities_known[i].cp;
        }
    }
    return 0;
}

/* Clean already?  Then no copy is needed. */
static int is_clean(str s, int entities)
{
    int space = 1;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c >= 0x7F || (c == ' ' && space) || (entities && c == '&'))
            return 0;
        space = c == ' ';
    }
    return s.n == 0 || !space;
}

str text_clean(struct meta *m, str s, size_t max, int entities)
{
    if (s.n <= max && is_clean(s, entities))
        return s;
    s = text_trim(s);
    size_t room = (s.n < max ? s.n : max) + 4, n = 0;
    char *out = meta_take(m, room * 2);
    const char *p = s.p, *end = s.p + s.n;
    int space = 0;

    if (!out)
        return (str){ "", 0 };
    while (p < end && n + 5 <= room + 4) {
        uint32_t c = 0;
        if (entities && *p == '&') {
            c = entity(&p, end);
            if (c == '&' && p < end) { /* escaped twice */
                const char *amp = p - 1;
                if (*amp == ';') {
                    char again[12] = "&";
                    size_t k = (size_t)(end - p) < 10 ? (size_t)(end - p) : 10;
                    memcpy(again + 1, p, k);
                    const char *a = again;
                    uint32_t c2 = entity(&a, again + 1 + k);
                    if (c2) {
                        c = c2;
                        p += a - again - 1;
                    }
                }
            }
        }
        if (!c)
            c = text_next(&p, end);
        if (text_is_space(c)) {
            space = n > 0;
            continue;
        }
        if (invisible(c))
            continue;
        char one[4];
        size_t k = text_put(c, one);
        if (n + (size_t)space + k > max)
            break;
        if (space)
            out[n++] = ' ';
        memcpy(out + n, one, k);
        n += k;
        space = 0;
    }
    return (str){ out, n };
}

str text_norm(struct meta *m, str s)
{
    char *out = meta_take(m, s.n * 2 + 4);
    const char *p = s.p, *end = s.p + s.n;
    size_t n = 0;
    int gap = 0;

    if (!out)
        return (str){ "", 0 };
    while (p < end) {
        uint32_t c = text_next(&p, end);
        if (invisible(c) && !text_is_space(c))
            continue;
        if (c == 0x2019 || c == 0x2018)
            c = '\'';
        if (!text_is_word(c)) {
            gap = n > 0;
            continue;
        }
        if (gap)
            out[n++] = ' ';
        gap = 0;
        if (c >= 0xFF01 && c <= 0xFF5E) /* full width */
            c -= 0xFEE0;
        n += text_put(text_lower(c), out + n);
    }
    return (str){ out, n };
}

uint32_t text_words(str norm)
{
    uint32_t n = norm.n > 0;

    for (size_t i = 0; i < norm.n; i++)
        n += norm.p[i] == ' ';
    return n;
}

int text_has_words(str norm, str part)
{
    if (part.n == 0 || part.n > norm.n)
        return 0;
    for (size_t i = 0; i + part.n <= norm.n; i++) {
        if ((i == 0 || norm.p[i - 1] == ' ') && (i + part.n == norm.n || norm.p[i + part.n] == ' ') &&
            memcmp(norm.p + i, part.p, part.n) == 0)
            return 1;
        const char *next = memchr(norm.p + i, ' ', norm.n - i);
        if (!next)
            return 0;
        i = (size_t)(next - norm.p);
    }
    return 0;
}

double text_share(str a, str b)
{
    uint32_t n = 0, hit = 0;

    for (size_t i = 0; i < a.n && n < 200;) {
        const char *sp = memchr(a.p + i, ' ', a.n - i);
        size_t end = sp ? (size_t)(sp - a.p) : a.n;
        n++;
        hit += (uint32_t)text_has_words(b, str_cut(a, i, end));
        i = end + 1;
    }
    return n ? (double)hit / n : 0;
}

static int is_inline(uint32_t tag)
{
    switch (tag) {
    case TROMMEL_TAG_A:
    case TROMMEL_TAG_EM:
    case TROMMEL_TAG_STRONG:
    case TROMMEL_TAG_SMALL:
    case TROMMEL_TAG_S:
    case TROMMEL_TAG_CITE:
    case TROMMEL_TAG_Q:
    case TROMMEL_TAG_ABBR:
    case TROMMEL_TAG_TIME:
    case TROMMEL_TAG_CODE:
    case TROMMEL_TAG_SUB:
    case TROMMEL_TAG_SUP:
    case TROMMEL_TAG_I:
    case TROMMEL_TAG_B:
    case TROMMEL_TAG_U:
    case TROMMEL_TAG_MARK:
    case TROMMEL_TAG_BDI:
    case TROMMEL_TAG_BDO:
    case TROMMEL_TAG_SPAN:
    case TROMMEL_TAG_FONT:
    case TROMMEL_TAG_WBR:
    case TROMMEL_TAG_DFN:
    case TROMMEL_TAG_DATA:
    case TROMMEL_TAG_RUBY:
        return 1;
    default:
        return 0;
    }
}

static str subtree_text(struct meta *m, uint32_t node, size_t max, int apart)
{
    const trommel_dom *dom = m->dom;
    uint32_t end = TROMMEL_NODE(dom, node)->end;
    char *raw = meta_take(m, max + 8);
    size_t n = 0;

    if (!raw)
        return (str){ "", 0 };
    for (uint32_t i = node; i < end && n < max; i++) {
        const trommel_node *x = TROMMEL_NODE(dom, i);
        if (x->kind == TROMMEL_NODE_ELEMENT) {
            if (x->tag == TROMMEL_TAG_SCRIPT || x->tag == TROMMEL_TAG_STYLE ||
                x->tag == TROMMEL_TAG_TEMPLATE || x->tag == TROMMEL_TAG_NOSCRIPT ||
                x->ns != TROMMEL_NS_HTML || x->tag == TROMMEL_TAG_BUTTON) {
                i = x->end > i ? x->end - 1 : i;
                continue;
            }
            if (n && (apart || !is_inline(x->tag)))
                raw[n++] = ' ';
        } else if (x->kind == TROMMEL_NODE_TEXT) {
            size_t k = x->text_n < max - n ? x->text_n : max - n;
            memcpy(raw + n, dom->strs + x->text, k);
            n += k;
        }
    }
    /* cut back to a whole character */
    if (n >= max)
        while (n && (raw[n - 1] & 0xC0) == 0x80)
            n--;
    if (n && (unsigned char)raw[n - 1] >= 0xC0)
        n--;
    return text_clean(m, (str){ raw, n }, max, 0);
}

str text_of(struct meta *m, uint32_t node, size_t max)
{
    return subtree_text(m, node, max, 0);
}

str text_of_apart(struct meta *m, uint32_t node, size_t max)
{
    return subtree_text(m, node, max, 1);
}

int str_starts_n(str a, const char *z, size_t n)
{
    if (a.n < n)
        return 0;
    for (size_t i = 0; i < n; i++)
        if ((a.p[i] >= 'A' && a.p[i] <= 'Z' ? a.p[i] + 32 : a.p[i]) != z[i])
            return 0;
    return 1;
}

int str_has_n(str a, const char *z, size_t n)
{
    for (size_t i = 0; i + n <= a.n; i++)
        if ((a.p[i] == z[0] || (a.p[i] | 32) == z[0]) && str_starts_n(str_cut(a, i, a.n), z, n))
            return 1;
    return 0;
}

str node_attr(const trommel_dom *dom, const trommel_node *node, uint32_t key)
{
    for (uint32_t i = 0; i < node->attr_n; i++) {
        const trommel_attr *a = TROMMEL_ATTR(dom, node->attr + i);
        if (a->key == key)
            return (str){ dom->strs + a->val, a->val_n };
    }
    return (str){ NULL, 0 };
}
