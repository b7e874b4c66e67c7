/* thing: product, recipe, event, job and video of JSON-LD, as small maps.
 *
 * Each kind is a table of rows: the field's name in the record and where it lies (a path of keys; an array
 * on the way means its first element).  Values stay as the page says them; only prices and ratings that
 * are plain numbers become numbers.  The first thing of a kind counts. */
#include <stdlib.h>
#include <string.h>

#include "plugin/stage/metadata/jsonld.h"
#include "plugin/stage/metadata/pack.h"
#include "plugin/stage/metadata/text.h"

#define THING_BYTES 16384
#define THING_LIST  100

enum { AS_TEXT, AS_NUMBER, AS_NAME, AS_LIST, AS_LAST, AS_DATE }; /* last: behind the last '/' */

struct row {
    const char *field, *path;
    int as;
};

static const struct row product_rows[] = {
    { "name", "name", AS_TEXT },
    { "brand", "brand", AS_NAME },
    { "sku", "sku", AS_TEXT },
    { "mpn", "mpn", AS_TEXT },
    { "gtin", "gtin13 gtin gtin12 gtin14 gtin8", AS_TEXT },
    { "price", "offers.price offers.lowPrice offers.priceSpecification.price offers.offers.price",
      AS_NUMBER },
    { "currency", "offers.priceCurrency offers.priceSpecification.priceCurrency offers.offers.priceCurrency",
      AS_TEXT },
    { "availability", "offers.availability offers.offers.availability", AS_LAST },
    { "condition", "offers.itemCondition itemCondition", AS_LAST },
    { "rating", "aggregateRating.ratingValue", AS_NUMBER },
    { "rating_count", "aggregateRating.ratingCount aggregateRating.reviewCount", AS_NUMBER },
    { 0 },
};
static const struct row recipe_rows[] = {
    { "name", "name", AS_TEXT },
    { "yield", "recipeYield", AS_TEXT },
    { "prep_time", "prepTime", AS_TEXT },
    { "cook_time", "cookTime", AS_TEXT },
    { "total_time", "totalTime", AS_TEXT },
    { "category", "recipeCategory", AS_TEXT },
    { "cuisine", "recipeCuisine", AS_TEXT },
    { "calories", "nutrition.calories", AS_TEXT },
    { "ingredients", "recipeIngredient ingredients", AS_LIST },
    { "rating", "aggregateRating.ratingValue", AS_NUMBER },
    { "rating_count", "aggregateRating.ratingCount aggregateRating.reviewCount", AS_NUMBER },
    { 0 },
};
static const struct row event_rows[] = {
    { "name", "name", AS_TEXT },
    { "start", "startDate", AS_DATE },
    { "end", "endDate", AS_DATE },
    { "location", "location", AS_NAME },
    { "address", "location.address location.address.streetAddress", AS_TEXT },
    { "city", "location.address.addressLocality", AS_TEXT },
    { "organizer", "organizer", AS_NAME },
    { "status", "eventStatus", AS_LAST },
    { "price", "offers.price offers.lowPrice", AS_NUMBER },
    { "currency", "offers.priceCurrency", AS_TEXT },
    { 0 },
};
static const struct row job_rows[] = {
    { "title", "title name", AS_TEXT },
    { "company", "hiringOrganization", AS_NAME },
    { "posted", "datePosted", AS_DATE },
    { "valid_through", "validThrough", AS_DATE },
    { "employment_type", "employmentType", AS_TEXT },
    { "city", "jobLocation.address.addressLocality", AS_TEXT },
    { "region", "jobLocation.address.addressRegion", AS_TEXT },
    { "country", "jobLocation.address.addressCountry", AS_NAME },
    { "salary", "baseSalary.value.value baseSalary.value.minValue baseSalary.value", AS_NUMBER },
    { "salary_max", "baseSalary.value.maxValue", AS_NUMBER },
    { "currency", "baseSalary.currency salaryCurrency", AS_TEXT },
    { "salary_unit", "baseSalary.value.unitText", AS_TEXT },
    { 0 },
};
static const struct row video_rows[] = {
    { "name", "name", AS_TEXT },
    { "duration", "duration", AS_TEXT },
    { "uploaded", "uploadDate datePublished", AS_DATE },
    { "content_url", "contentUrl", AS_TEXT },
    { "embed_url", "embedUrl", AS_TEXT },
    { "thumbnail", "thumbnailUrl", AS_TEXT },
    { 0 },
};

/* The value at one path "offers.price", or TROMMEL_NONE. */
static uint32_t at_path(const struct json *j, uint32_t o, const char *path, size_t n)
{
    while (n && o < j->n) {
        const char *dot = memchr(path, '.', n);
        size_t k = dot ? (size_t)(dot - path) : n;
        char key[40];
        if (k >= sizeof key)
            return TROMMEL_NONE;
        memcpy(key, path, k);
        key[k] = 0;
        if (j->node[o].type == JSON_ARRAY)
            o = o + 1 < j->node[o].end ? o + 1 : TROMMEL_NONE;
        o = json_get(j, o, key);
        path += k + (dot != NULL);
        n -= k + (dot != NULL);
    }
    return o;
}

/* A plain number, "1,299.00" and "12,50" too; 0 if it is none. */
static int plain_number(str s, double *ret)
{
    char buf[40];
    size_t n = 0, commas = 0, dots = 0, last = 0;

    for (size_t i = 0; i < s.n && n < sizeof buf - 1; i++) {
        char c = s.p[i];
        if (c == ',') {
            commas++;
            last = i;
        } else if (c == '.') {
            dots++;
        } else if (!((c >= '0' && c <= '9') || (c == '-' && i == 0))) {
            return 0;
        }
        buf[n++] = c;
    }
    if (s.n == 0 || s.n >= sizeof buf || dots > 1)
        return 0;
    int decimal_comma = commas == 1 && dots == 0 && s.n - last - 1 != 3;
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (buf[i] != ',' || decimal_comma)
            buf[k++] = buf[i] == ',' ? '.' : buf[i];
    buf[k] = 0;
    char *end;
    *ret = strtod(buf, &end);
    return *end == 0 && k > 0;
}

static int put_strings(struct meta *m, const struct json *j, uint32_t v, const char *field, struct pack *k)
{
    if (v >= j->n || j->node[v].type != JSON_ARRAY)
        return 0;
    uint32_t n = 0;
    for (uint32_t i = v + 1; i < j->node[v].end && n < THING_LIST; i = j->node[i].end)
        n += j->node[i].type == JSON_STRING;
    if (!n)
        return 0;
    pack_str(k, str_z(field));
    pack_array(k, n);
    for (uint32_t i = v + 1; i < j->node[v].end && n; i = j->node[i].end)
        if (j->node[i].type == JSON_STRING) {
            pack_str(k, json_text(m, j, i, META_NAME_MAX));
            n--;
        }
    return 1;
}

/* Writes one row if the thing has it; 1 if it did. */
static int put_row(struct meta *m, const struct json *j, uint32_t o, const struct row *row, struct pack *k)
{
    str s = { "", 0 };
    double number;

    for (const char *p = row->path; *p && !s.n;) {
        size_t n = strcspn(p, " ");
        uint32_t v = at_path(j, o, p, n);
        if (row->as == AS_LIST && put_strings(m, j, v, row->field, k))
            return 1;
        if (v < j->n && j->node[v].type == JSON_ARRAY)
            v = v + 1 < j->node[v].end ? v + 1 : TROMMEL_NONE;
        s = row->as == AS_NAME ? jsonld_name(m, j, v, META_NAME_MAX) : json_text(m, j, v, META_NAME_MAX);
        p += n + (p[n] == ' ');
    }
    if (!s.n || row->as == AS_LIST)
        return 0;
    if (row->as == AS_LAST)
        for (size_t i = s.n; i-- > 0;)
            if (s.p[i] == '/') {
                s = str_cut(s, i + 1, s.n);
                break;
            }
    if (row->as == AS_DATE) {
        struct date d;
        char *text = meta_take(m, DATE_TEXT);
        if (!text || !date_parse(s.p, s.n, m->order, &d))
            return 0;
        s = (str){ text, date_print(&d, text) };
    }
    if (!s.n)
        return 0;
    pack_str(k, str_z(row->field));
    if (row->as == AS_NUMBER && plain_number(s, &number)) {
        if (number == (double)(int64_t)number && number >= 0 && number < 1e15)
            pack_int(k, (int64_t)number);
        else
            pack_double(k, number);
    } else {
        pack_str(k, s);
    }
    return 1;
}

static void put_thing(struct meta *m, const struct json *j, uint32_t o, const struct row *rows, str *ret)
{
    if (ret->n)
        return;
    struct pack k = { .p = meta_take(m, THING_BYTES), .max = THING_BYTES };
    if (!k.p)
        return;
    uint32_t n = 0;
    k.n = 1; /* a map of at most 15: its head is one byte, written at the end */
    for (; rows->field; rows++)
        n += (uint32_t)put_row(m, j, o, rows, &k);
    if (k.over || n == 0)
        return;
    k.p[0] = (unsigned char)(0x80 | n);
    *ret = (str){ (const char *)k.p, k.n };
}

void thing_read(struct meta *m, const struct json *j, uint32_t i)
{
    if (jsonld_is(j, i, "Product") || jsonld_is(j, i, "ProductGroup"))
        put_thing(m, j, i, product_rows, &m->product);
    else if (jsonld_is(j, i, "Recipe"))
        put_thing(m, j, i, recipe_rows, &m->recipe);
    else if (jsonld_is(j, i, "Event") || jsonld_is(j, i, "MusicEvent"))
        put_thing(m, j, i, event_rows, &m->event);
    else if (jsonld_is(j, i, "JobPosting"))
        put_thing(m, j, i, job_rows, &m->job);
    else if (jsonld_is(j, i, "VideoObject"))
        put_thing(m, j, i, video_rows, &m->video);
}
