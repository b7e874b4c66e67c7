/* words: what class names, labels and meta keys say.  See words.h.
 *
 * Tables only.  Class names are cut into words at anything but letters and at lower-to-upper steps; two
 * letters decide whether a word is looked up at all, as nearly all are not ours. */
#include <stdlib.h>
#include <string.h>

#include "plugin/stage/metadata/text.h"
#include "plugin/stage/metadata/words.h"

/* clang-format off */
static const struct {
    uint32_t region;
    const char *words;
} class_rows[] = {
    { R_AUTHOR,
        "author authors byline byl bylines writer writers contributor contributors creator authorname "
        "vcard postauthor articleauthor autor auteur authored journalist columnist reporter" },
    { R_USER, "username user member poster postername nickname handle avatar profile op" },
    { R_DATE,
        "date dates datetime time timestamp posted published publish pubdate postdate dateline "
        "publication datum fecha when postdateline created" },
    { R_PUB, "published publish pubdate posted publication" },
    { R_UPDATED, "updated modified update lastmod lastupdated edited reviewed" },
    { R_TAGS,
        "tags tag taglist taglinks topics keywords hashtags tagged labels posttags articletags topic "
        "tagcloud" },
    { R_LOGO, "logo brand logotype sitename branding sitetitle navbrand masthead" },
    { R_SITE, "sitename sitetitle" },
    { R_CRUMB, "breadcrumb breadcrumbs crumb crumbs bread" },
    { R_TITLE, "title headline heading hed posttitle entrytitle pagetitle articletitle" },
    { R_COPY, "copyright copy colophon legal" },
    { R_COMMENT, "comment comments reply replies disqus respond commentlist commenter" },
    { R_RELATED,
        "related recommended recommend recommendations recommendation popular trending recirc "
        "recirculation similar suggested suggestions readmore readnext morefrom mostread upsell "
        "crosssell recent latest upnext promo teaser teasers next prev previous outbrain taboola" },
    { R_ASIDE, "sidebar aside widget widgets rail sidenav" },
    { R_FOOTER, "footer foot bottom" },
    { R_NAV, "nav navbar navigation menu menus dropdown megamenu submenu pagination pager" },
    { R_HEADER, "header masthead topbar" },
    { R_CARD, "card cards tile tiles carousel slider grid teaser listing listitem" },
    { R_BIO, "bio biography about aboutauthor authorbox" },
    { R_AD,
        "ad ads advert advertisement sponsor sponsored cookie consent modal popup newsletter subscribe "
        "banner gdpr" },
    { R_META, "meta info details subtitle dek entrymeta postmeta articlemeta" },
    { R_POST, "post message thread question answer" },
};
/* clang-format on */

#define CLASS_SLOTS 1024u
static struct {
    const char *p;
    uint32_t n, region;
} class_table[CLASS_SLOTS];
static unsigned char class_pairs[26][26];
static unsigned char class_letter[256]; /* 1 lower case, 2 upper case */
static int class_filled;

static uint32_t class_hash(const char *p, size_t n)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 16777619u;
    return h ^ h >> 13;
}

static void class_fill(void)
{
    for (int i = 0; i < 26; i++) {
        class_letter['a' + i] = 1;
        class_letter['A' + i] = 2;
    }
    for (size_t r = 0; r < sizeof class_rows / sizeof *class_rows; r++) {
        for (const char *p = class_rows[r].words; *p;) {
            size_t n = strcspn(p, " ");
            uint32_t i = class_hash(p, n) % CLASS_SLOTS;
            while (class_table[i].p && !(class_table[i].n == n && memcmp(class_table[i].p, p, n) == 0))
                i = (i + 1) % CLASS_SLOTS;
            class_table[i].p = p;
            class_table[i].n = (uint32_t)n;
            class_table[i].region |= class_rows[r].region;
            class_pairs[p[0] - 'a'][p[1] - 'a'] = 1;
            p += n + (p[n] == ' ');
        }
    }
    class_filled = 1;
}

static uint32_t class_word(const char *p, size_t n)
{
    char low[20];

    if (n < 2 || n >= sizeof low)
        return 0;
    if (!class_pairs[(p[0] | 32) - 'a'][(p[1] | 32) - 'a'])
        return 0;
    for (size_t i = 0; i < n; i++)
        low[i] = (char)(p[i] | 32);
    for (uint32_t i = class_hash(low, n) % CLASS_SLOTS; class_table[i].p; i = (i + 1) % CLASS_SLOTS)
        if (class_table[i].n == n && memcmp(class_table[i].p, low, n) == 0)
            return class_table[i].region;
    return 0;
}

uint32_t words_class(str s)
{
    uint32_t region = 0;
    size_t n = s.n < 300 ? s.n : 300;

    if (!class_filled)
        class_fill();
    for (size_t i = 0; i < n;) {
        if (!class_letter[(unsigned char)s.p[i]]) {
            i++;
            continue;
        }
        size_t from = i++;
        while (i < n && class_letter[(unsigned char)s.p[i]] &&
               !(class_letter[(unsigned char)s.p[i]] == 2 && s.p[i - 1] >= 'a'))
            i++;
        region |= class_word(s.p + from, i - from);
    }
    return region;
}

/* ---- lists searched by first byte ---- */

/* Rows of a list by their first byte, in order: most texts begin with none of them. */
struct chains {
    uint8_t first[256], next[128]; /* index + 1; 0 ends */
    int filled;
};

static void chains_fill(struct chains *c, const char *const *list)
{
    uint8_t last[256] = { 0 };

    for (uint32_t i = 0; list[i] && i < 127; i++) {
        unsigned char b = (unsigned char)list[i][list[i][0] == '!'];
        if (last[b])
            c->next[last[b]] = (uint8_t)(i + 1);
        else
            c->first[b] = (uint8_t)(i + 1);
        last[b] = (uint8_t)(i + 1);
    }
    c->filled = 1;
}

static unsigned char first_byte(str s)
{
    return s.n == 0 ? 0 : (unsigned char)(s.p[0] >= 'A' && s.p[0] <= 'Z' ? s.p[0] + 32 : s.p[0]);
}

/* ---- labels ---- */

static const char *const label_mod[] = {
    "updated",     "modified",       "edited",       "revised",       "reviewed",    "last update",
    "last change", "aktualisiert",   "geändert",     "mis à jour",    "mise à jour", "modifié",
    "actualizado", "actualización",  "aggiornato",   "aggiornamento", "atualizado",  "bijgewerkt",
    "gewijzigd",   "zaktualizowano", "aktualizacja", "обновлено",     "изменено",    "оновлено",
    "güncelle",    "uppdaterad",     "opdateret",    "oppdatert",     "päivitetty",  "frissítve",
    "更新",        "修改",           "업데이트",     "수정",          "diperbarui",  "cập nhật",
    NULL
};
/* clang-format off */
static const char *const label_pub[] = {
    "published", "posted", "publication date", "date", "written", "created", "released", "release",
    "issued", "asked", "started", "first seen", "originally", "by ", "on", "veröffentlicht",
    "erstellt", "datum", "publié", "posté", "paru", "publicado", "publicación", "fecha", "pubblicato",
    "pubblicazione", "publicada", "data", "postado", "gepubliceerd", "geplaatst", "opublikowano",
    "dodano", "опубликовано", "дата", "опубліковано", "yayın", "tarih", "publicerad", "publiceret",
    "publisert", "julkaistu", "megjelent", "발행", "입력", "등록", "发布", "發布", "發佈", "发表", "公開", "投稿", "日期",
    "时间", "時間", "diterbitkan", "ngày", "stand", "vom", "le ", "el ", "am ", NULL
};
/* clang-format on */
static const char *const label_other[] = {
    "joined",  "member since",  "registered", "since",         "expires",   "valid",     "copyright",
    "©",       "(c)",           "born",       "event",         "deadline",  "due",       "until",
    "through", "last visit",    "last seen",  "last activity", "accessed",  "retrieved", "version",
    "from",    "between",       "ends",       "starts",        "available", "mitglied",  "dabei seit",
    "inscrit", "miembro desde", "archived",   "effective",     "as of",     "founded",   "established",
    "arrives", "delivery",      "reply",      "last post",     "latest",    "checked",   NULL
};

/* Does one of the list begin a word of s? */
static int any_of(str s, const char *const *list, struct chains *c)
{
    if (!c->filled)
        chains_fill(c, list);
    for (size_t i = 0; i < s.n; i++) {
        if (i && ((s.p[i - 1] | 32) >= 'a' && (s.p[i - 1] | 32) <= 'z'))
            continue;
        str rest = str_cut(s, i, s.n);
        for (uint8_t k = c->first[first_byte(rest)]; k; k = c->next[k])
            if (str_starts(rest, list[k - 1]))
                return 1;
    }
    return 0;
}

#define FOLD_MAX 48

/* The start of s in lower case where it has more than ASCII, else s.  Stops where lengths would differ, so
 * that an offset means the same in both. */
static str fold_start(str s, char buf[FOLD_MAX])
{
    size_t n = 0, look = s.n < FOLD_MAX ? s.n : FOLD_MAX;
    const char *p = s.p, *end = s.p + s.n;
    int ascii = 1;

    for (size_t i = 0; i < look; i++)
        ascii &= (unsigned char)s.p[i] < 0x80;
    if (ascii)
        return s;
    while (p < end && n + 4 <= FOLD_MAX) {
        const char *from = p;
        size_t k = text_put(text_lower(text_next(&p, end)), buf + n);
        if (k != (size_t)(p - from))
            break;
        n += k;
    }
    return (str){ buf, n };
}

uint32_t words_date_label(str before)
{
    static struct chains mod, pub, other;
    char buf[FOLD_MAX];

    if (before.n > FOLD_MAX - 4)
        before = str_cut(before, before.n - (FOLD_MAX - 4), before.n);
    while (before.n && (before.p[0] & 0xC0) == 0x80)
        before = str_cut(before, 1, before.n);
    before = fold_start(before, buf);
    if (!text_trim(before).n)
        return 0;
    if (any_of(before, label_mod, &mod))
        return B_LABEL_MOD | (str_has(before, "published") ? B_LABEL_PUB : 0);
    if (any_of(before, label_other, &other))
        return B_LABEL_OTHER;
    return any_of(before, label_pub, &pub) ? B_LABEL_PUB : 0;
}

/* Openings of bylines; with '!' they can hardly mean anything else. */
/* clang-format off */
static const char *const by_openings[] = {
    "!written by", "!posted by", "!words by", "!story by", "!article by", "!text by", "!created by",
    "!published by", "!contributed by", "!guest post by", "!started by", "!asked by", "!submitted by",
    "!authored by", "!this post was written by", "!this article was written by", "!contributors:",
    "!author(s):", "!author(s)", "!author:", "!authors:", "!written and edited by", "!reported by",
    "!a post by", "!post author:", "!post author", "!author", "by", "!geschrieben von",
    "!ein artikel von", "!ein beitrag von", "von", "!autor:", "!autorin:", "!autoren:", "!écrit par",
    "!publié par", "!rédigé par", "!auteur :", "!auteur:", "par", "!escrito por", "!publicado por",
    "!por:", "por", "!autora:", "!autore:", "!scritto da", "!pubblicato da", "!a cura di", "di",
    "!door:", "!geschreven door", "door", "!skriven av", "!skrevet av", "av", "!skrevet af", "af",
    "!автор:", "!автор", "!текст:", "!tekst:", "!yazar:", "!yazan:", "!oleh:", "oleh", "!penulis:",
    "!tác giả:", "!szerző:", "!作者：", "!作者:", "!作者", "!文／", "!文/", "!撰文：", "!記者", "!记者", "!글", "!著者:",
    "!執筆：", NULL
};
/* clang-format on */

_Static_assert(sizeof by_openings / sizeof *by_openings < 128, "chains hold 127 rows");

size_t words_by(str s, int *ret_strong)
{
    static struct chains chains;

    char buf[FOLD_MAX];
    str low = s.n && (unsigned char)s.p[0] >= 0x80 ? fold_start(s, buf) : s;

    if (!chains.filled)
        chains_fill(&chains, by_openings);
    for (uint8_t i = chains.first[first_byte(low)]; i; i = chains.next[i]) {
        int strong = by_openings[i - 1][0] == '!';
        const char *z = by_openings[i - 1] + strong;
        size_t n = strlen(z);
        if (!str_starts(low, z))
            continue;
        unsigned char last = (unsigned char)z[n - 1];
        if (s.n > n && (last < 0x80 || (last >= 0x80 && (unsigned char)z[0] < 0xE0)) && last != ':' &&
            last != '/') {
            const char *p = s.p + n;
            uint32_t c = text_next(&p, s.p + s.n);
            if (!text_is_space(c) && c != ':')
                continue; /* "Byron", "Vonnegut" */
        }
        while (n < s.n && (s.p[n] == ' ' || s.p[n] == ':' || s.p[n] == '\t' || s.p[n] == '\n'))
            n++;
        *ret_strong = strong;
        return n;
    }
    return 0;
}

/* clang-format off */
static const char *const tag_labels[] = {
    "tags", "tag", "tagged", "tagged with", "tagged in", "tagged as", "filed under", "filed in",
    "posted in", "topics", "topic", "related topics", "in this article", "keywords", "key words",
    "labels", "more on", "read more about", "explore more on", "in", "schlagwörter", "schlagworte",
    "stichwörter", "themen", "mots-clés", "mots clés", "étiquettes", "sujets", "etiquetas", "temas",
    "palabras clave", "tópicos", "argomenti", "onderwerpen", "trefwoorden", "tagi", "метки", "теги",
    "темы", "ключевые слова", "теми", "etiketler", "ämnen", "emner", "címkék", "标签", "標籤", "关键词",
    "關鍵字", "タグ", "キーワード", "태그", NULL
};
/* clang-format on */

_Static_assert(sizeof tag_labels / sizeof *tag_labels < 128, "chains hold 127 rows");

size_t words_tag_label(str s)
{
    static struct chains chains;
    char buf[FOLD_MAX];
    str low = s.n && (unsigned char)s.p[0] >= 0x80 ? fold_start(s, buf) : s;
    size_t best = 0;

    if (!chains.filled)
        chains_fill(&chains, tag_labels);
    for (uint8_t i = chains.first[first_byte(low)]; i; i = chains.next[i]) {
        size_t n = strlen(tag_labels[i - 1]);
        if (n <= best || !str_starts(low, tag_labels[i - 1]))
            continue;
        size_t k = n;
        while (k < s.n && s.p[k] == ' ')
            k++;
        int colon = k < s.n && s.p[k] == ':';
        if (!colon && s.n - k >= 3 && memcmp(s.p + k, "：", 3) == 0)
            colon = 3;
        /* "In" alone is too common a word; the others may stand alone */
        if (colon || (k == s.n && n > 2))
            best = k + (size_t)colon;
    }
    return best;
}

/* clang-format off */
static const char *const person_parts[] = {
    "author", "authors", "autor", "autores", "auteur", "action=profile", "by", "bio", "byline", "contributor",
    "contributors", "experts", "journalist", "people", "person", "profile", "profiles", "staff", "reporters",
    "team", "user", "users", "u", "member", "members", "member.php", "writer", "writers", "author=",
    "memberlist.php", NULL
};
/* clang-format on */

int words_person_part(str part)
{
    static struct chains chains;

    if (!chains.filled)
        chains_fill(&chains, person_parts);
    for (uint8_t i = chains.first[first_byte(part)]; i; i = chains.next[i])
        if (str_ieq(part, person_parts[i - 1]))
            return 1;
    return 0;
}

/* ---- meta keys, sorted ---- */

static const struct words_key meta_keys[] = {
    { "abstract", W_DESC, HOW_META, B_WEAK },
    { "analyticsattributes.articledate", W_PUBLISHED, HOW_META, 0 },
    { "apple-mobile-web-app-title", W_SITE, HOW_META, B_WEAK },
    { "application-name", W_SITE, HOW_META, 0 },
    { "article.created", W_PUBLISHED, HOW_META, 0 },
    { "article.published", W_PUBLISHED, HOW_META, 0 },
    { "article.updated", W_MODIFIED, HOW_META, 0 },
    { "article:author", W_AUTHOR, HOW_OPENGRAPH, 0 },
    { "article:author_name", W_AUTHOR, HOW_META, 0 },
    { "article:modified", W_MODIFIED, HOW_OPENGRAPH, 0 },
    { "article:modified_time", W_MODIFIED, HOW_OPENGRAPH, B_MAIN_KEY },
    { "article:published", W_PUBLISHED, HOW_OPENGRAPH, B_MAIN_KEY },
    { "article:published_date", W_PUBLISHED, HOW_OPENGRAPH, B_MAIN_KEY },
    { "article:published_time", W_PUBLISHED, HOW_OPENGRAPH, B_MAIN_KEY },
    { "article:section", W_SECTION, HOW_OPENGRAPH, 0 },
    { "article:tag", W_TAG, HOW_OPENGRAPH, 0 },
    { "article_author", W_AUTHOR, HOW_META, 0 },
    { "article_date_original", W_PUBLISHED, HOW_META, 0 },
    { "author", W_AUTHOR, HOW_META, B_MAIN_KEY },
    { "author_name", W_AUTHOR, HOW_META, 0 },
    { "authors", W_AUTHOR, HOW_META, 0 },
    { "book:author", W_AUTHOR, HOW_OPENGRAPH, 0 },
    { "book:release_date", W_PUBLISHED, HOW_OPENGRAPH, 0 },
    { "book:tag", W_TAG, HOW_OPENGRAPH, 0 },
    { "byl", W_AUTHOR, HOW_META, 0 },
    { "byline", W_AUTHOR, HOW_META, 0 },
    { "citation_author", W_AUTHOR, HOW_META, B_MAIN_KEY },
    { "citation_date", W_PUBLISHED, HOW_META, 0 },
    { "citation_keywords", W_TAG, HOW_META, 0 },
    { "citation_language", W_LANG, HOW_META, 0 },
    { "citation_online_date", W_PUBLISHED, HOW_META, 0 },
    { "citation_publication_date", W_PUBLISHED, HOW_META, B_MAIN_KEY },
    { "citation_title", W_TITLE, HOW_META, B_MAIN_KEY },
    { "content-language", W_LANG, HOW_META, 0 },
    { "create_date", W_PUBLISHED, HOW_META, 0 },
    { "created", W_PUBLISHED, HOW_META, 0 },
    { "creation_date", W_PUBLISHED, HOW_META, 0 },
    { "creator", W_AUTHOR, HOW_META, 0 },
    { "cxenseparse:author", W_AUTHOR, HOW_META, 0 },
    { "cxenseparse:recs:publishtime", W_PUBLISHED, HOW_META, 0 },
    { "date", W_PUBLISHED, HOW_META, B_WEAK },
    { "date.available", W_PUBLISHED, HOW_META, 0 },
    { "date.created", W_PUBLISHED, HOW_META, 0 },
    { "date_published", W_PUBLISHED, HOW_META, 0 },
    { "datecreated", W_PUBLISHED, HOW_META, 0 },
    { "datemodified", W_MODIFIED, HOW_META, 0 },
    { "datepublished", W_PUBLISHED, HOW_META, 0 },
    { "dc.coverage", W_COUNT, HOW_META, 0 },
    { "dc.creator", W_AUTHOR, HOW_META, 0 },
    { "dc.date", W_PUBLISHED, HOW_META, 0 },
    { "dc.date.created", W_PUBLISHED, HOW_META, 0 },
    { "dc.date.issued", W_PUBLISHED, HOW_META, B_MAIN_KEY },
    { "dc.date.modified", W_MODIFIED, HOW_META, 0 },
    { "dc.description", W_DESC, HOW_META, B_WEAK },
    { "dc.language", W_LANG, HOW_META, 0 },
    { "dc.publisher", W_SITE, HOW_META, B_WEAK },
    { "dc.subject", W_KEYWORDS, HOW_META, 0 },
    { "dc.title", W_TITLE, HOW_META, 0 },
    { "dcterms.created", W_PUBLISHED, HOW_META, 0 },
    { "dcterms.creator", W_AUTHOR, HOW_META, 0 },
    { "dcterms.date", W_PUBLISHED, HOW_META, 0 },
    { "dcterms.description", W_DESC, HOW_META, B_WEAK },
    { "dcterms.issued", W_PUBLISHED, HOW_META, B_MAIN_KEY },
    { "dcterms.language", W_LANG, HOW_META, 0 },
    { "dcterms.license", W_LICENSE, HOW_META, 0 },
    { "dcterms.modified", W_MODIFIED, HOW_META, 0 },
    { "dcterms.title", W_TITLE, HOW_META, 0 },
    { "description", W_DESC, HOW_META, B_MAIN_KEY },
    { "displaydate", W_PUBLISHED, HOW_META, 0 },
    { "gcc.date", W_PUBLISHED, HOW_META, 0 },
    { "headline", W_TITLE, HOW_META, 0 },
    { "keywords", W_KEYWORDS, HOW_META, B_MAIN_KEY },
    { "language", W_LANG, HOW_META, 0 },
    { "last-modified", W_MODIFIED, HOW_META, 0 },
    { "lastmod", W_MODIFIED, HOW_META, 0 },
    { "license", W_LICENSE, HOW_META, 0 },
    { "modified_time", W_MODIFIED, HOW_META, 0 },
    { "news_keywords", W_TAG, HOW_META, 0 },
    { "og:article:author", W_AUTHOR, HOW_OPENGRAPH, 0 },
    { "og:article:modified_time", W_MODIFIED, HOW_OPENGRAPH, 0 },
    { "og:article:published_time", W_PUBLISHED, HOW_OPENGRAPH, B_MAIN_KEY },
    { "og:article:section", W_SECTION, HOW_OPENGRAPH, 0 },
    { "og:article:tag", W_TAG, HOW_OPENGRAPH, 0 },
    { "og:author", W_AUTHOR, HOW_OPENGRAPH, 0 },
    { "og:description", W_DESC, HOW_OPENGRAPH, 0 },
    { "og:image", W_IMAGE, HOW_OPENGRAPH, B_MAIN_KEY },
    { "og:image:secure_url", W_IMAGE, HOW_OPENGRAPH, 0 },
    { "og:image:url", W_IMAGE, HOW_OPENGRAPH, 0 },
    { "og:locale", W_LANG, HOW_OPENGRAPH, B_WEAK },
    { "og:modified_time", W_MODIFIED, HOW_OPENGRAPH, 0 },
    { "og:pubdate", W_PUBLISHED, HOW_OPENGRAPH, 0 },
    { "og:published_time", W_PUBLISHED, HOW_OPENGRAPH, B_MAIN_KEY },
    { "og:release_date", W_PUBLISHED, HOW_OPENGRAPH, 0 },
    { "og:section", W_SECTION, HOW_OPENGRAPH, 0 },
    { "og:site_name", W_SITE, HOW_OPENGRAPH, B_MAIN_KEY },
    { "og:title", W_TITLE, HOW_OPENGRAPH, B_MAIN_KEY },
    { "og:type", W_COUNT, HOW_OPENGRAPH, B_ARTICLE },
    { "og:updated_time", W_MODIFIED, HOW_OPENGRAPH, 0 },
    { "og:url", W_URL, HOW_OPENGRAPH, 0 },
    { "originalpublicationdate", W_PUBLISHED, HOW_META, 0 },
    { "parsely-author", W_AUTHOR, HOW_META, 0 },
    { "parsely-image-url", W_IMAGE, HOW_META, 0 },
    { "parsely-pub-date", W_PUBLISHED, HOW_META, B_MAIN_KEY },
    { "parsely-section", W_SECTION, HOW_META, 0 },
    { "parsely-tags", W_TAG, HOW_META, B_LIST },
    { "parsely-title", W_TITLE, HOW_META, B_MAIN_KEY },
    { "pdate", W_PUBLISHED, HOW_META, 0 },
    { "prism.publicationdate", W_PUBLISHED, HOW_META, 0 },
    { "pub_date", W_PUBLISHED, HOW_META, 0 },
    { "pubdate", W_PUBLISHED, HOW_META, 0 },
    { "publication_date", W_PUBLISHED, HOW_META, 0 },
    { "publish-date", W_PUBLISHED, HOW_META, 0 },
    { "publish_date", W_PUBLISHED, HOW_META, 0 },
    { "publish_time", W_PUBLISHED, HOW_META, 0 },
    { "published", W_PUBLISHED, HOW_META, 0 },
    { "published_date", W_PUBLISHED, HOW_META, 0 },
    { "published_time", W_PUBLISHED, HOW_META, 0 },
    { "publisheddate", W_PUBLISHED, HOW_META, 0 },
    { "publisher", W_SITE, HOW_META, B_WEAK },
    { "revised", W_MODIFIED, HOW_META, 0 },
    { "rights-standard", W_LICENSE, HOW_META, 0 },
    { "sailthru.author", W_AUTHOR, HOW_META, 0 },
    { "sailthru.date", W_PUBLISHED, HOW_META, B_MAIN_KEY },
    { "sailthru.description", W_DESC, HOW_META, B_WEAK },
    { "sailthru.tags", W_TAG, HOW_META, B_LIST },
    { "sailthru.title", W_TITLE, HOW_META, B_MAIN_KEY },
    { "shareaholic:article_author_name", W_AUTHOR, HOW_META, 0 },
    { "shareaholic:article_published_time", W_PUBLISHED, HOW_META, 0 },
    { "thumbnail", W_IMAGE, HOW_META, B_WEAK },
    { "timestamp", W_PUBLISHED, HOW_META, B_WEAK },
    { "title", W_TITLE, HOW_META, 0 },
    { "twitter:description", W_DESC, HOW_TWITTER, B_WEAK },
    { "twitter:image", W_IMAGE, HOW_TWITTER, 0 },
    { "twitter:image:src", W_IMAGE, HOW_TWITTER, 0 },
    { "twitter:title", W_TITLE, HOW_TWITTER, 0 },
    { "vr:published_time", W_PUBLISHED, HOW_META, 0 },
};

static int compare(const void *key, const void *row)
{
    return strcmp(key, ((const struct words_key *)row)->key);
}

const struct words_key *words_meta(str key)
{
    char low[48];

    if (key.n == 0 || key.n >= sizeof low)
        return NULL;
    for (size_t i = 0; i < key.n; i++)
        low[i] = (char)(key.p[i] >= 'A' && key.p[i] <= 'Z' ? key.p[i] + 32 : key.p[i]);
    low[key.n] = 0;
    if (strncmp(low, "dc:", 3) == 0 || strncmp(low, "dcterms:", 8) == 0)
        *strchr(low, ':') = '.';
    return bsearch(low, meta_keys, sizeof meta_keys / sizeof *meta_keys, sizeof *meta_keys, compare);
}
