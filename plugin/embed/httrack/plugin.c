/* plugin: Trommel inside HTTrack: what HTTrack transfers comes out as records.  README.md says how it is
 * used.
 *
 * HTTrack calls `transfer-status` (xfrstatus) when an answer is complete, whatever its status, before it
 * parses the page and rewrites its links; the struct it hands over (lien_back, of htsopt.h) has status,
 * headers, type and body: in memory if it is to be parsed, chunks joined and decompressed, else in a file.
 * All of HTTrack runs in one thread, so while the pipeline is full HTTrack waits as a whole. */
#include <httrack-library.h>
#include <htsopt.h>

#include <htsdefines.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../common/head.h"
#include "../common/pipe.h"

enum { BODY_MOST = 32 << 20, URL_MOST = 8192 };

static struct settings settings;
static httrackp *httrack;

/* ---- pages ---- */

static trommel_str str_of(const char *s)
{
    return (trommel_str){ s, s ? strlen(s) : 0 };
}

/* "host" and "https://host" both occur. */
static int url_make(const lien_back *back, char url[URL_MOST])
{
    const char *scheme = strstr(back->url_adr, "://") ? "" : "http://";

    return snprintf(url, URL_MOST, "%s%s%s", scheme, back->url_adr, back->url_fil) < URL_MOST ? 0 : -1;
}

/* The lines behind the status line. */
static trommel_str headers_of(const lien_back *back)
{
    const char *line = back->r.headers ? strchr(back->r.headers, '\n') : NULL;

    return str_of(line ? line + 1 : NULL);
}

/* HTTrack keeps no headers of an answer that goes to a file, but for the type's two halves. */
static trommel_str type_of(const lien_back *back, trommel_str headers, char room[160])
{
    trommel_str type = head_value(headers, "Content-Type");

    if (type.n || headers.n)
        return type;
    snprintf(room, 160, "%.63s%s%.63s", back->r.contenttype, back->r.charset[0] ? "; charset=" : "",
             back->r.charset);
    return str_of(room);
}

/* What HTTrack writes to a file as it comes.  NULL, or why there is no page. */
static const char *file_read(const lien_back *back, char **ret, size_t *ret_n)
{
    size_t n = (size_t)back->r.size;

    if (back->r.size > BODY_MOST)
        return "too_large";
    if (back->r.out)
        fflush(back->r.out);
    FILE *f = fopen(back->url_sav, "rbe");
    *ret = f ? malloc(n + 1) : NULL;
    *ret_n = *ret ? fread(*ret, 1, n, f) : 0;
    if (f)
        fclose(f);
    return *ret && *ret_n == n ? NULL : "unreadable";
}

/* HTTrack decompresses gzip and leaves the others as they came. */
static trommel_str coding_left(const lien_back *back)
{
    const char *coding = back->r.contentencoding;

    return strstr(coding, "gzip") || !strcmp(coding, "identity") ? (trommel_str){ 0 } : str_of(coding);
}

static void page_put(const lien_back *back, const char *url)
{
    const char *failed = NULL;
    char *own = NULL, type[160];
    trommel_input in = {
        .status = (uint16_t)(back->r.notmodified ? 304 : back->r.statuscode),
        .url = str_of(url),
        .headers = headers_of(back),
        .bytes = (uint64_t)(back->compressed_size > 0 ? back->compressed_size : back->r.size),
    };
    int has_body = in.status / 100 == 2 && back->r.size > 0;

    in.content_type = type_of(back, in.headers, type);
    if (has_body && back->r.is_write) {
        failed = file_read(back, &own, &in.body.n);
        in.body.p = own;
    } else if (has_body && back->r.adr) {
        in.body = (trommel_str){ back->r.adr, (size_t)back->r.size };
    }
    in.content_encoding = coding_left(back);
    in.failed = str_of(failed);
    pipe_put(&in);
    free(own);
}

static int is_wanted(const lien_back *back)
{
    int status = back->r.statuscode;

    return status >= 200 && status <= 999 && (status / 100 != 3 || status == 304) && !back->testmode &&
           !back->head_request && strcmp(back->url_fil, "/robots.txt") != 0;
}

static int on_transfer(t_hts_callbackarg *arg, httrackp *opt, lien_back *back)
{
    t_hts_htmlcheck_xfrstatus before = CALLBACKARG_PREV_FUN(arg, xfrstatus);
    char url[URL_MOST];

    if (is_wanted(back) && url_make(back, url) < 0)
        pipe_lost(url, "its URL is too long");
    else if (is_wanted(back))
        page_put(back, url);
    return before ? before(CALLBACKARG_PREV_CARG(arg), opt, back) : 1;
}

/* The mirror is done and its log still open. */
static int on_end(t_hts_callbackarg *arg, httrackp *opt)
{
    t_hts_htmlcheck_end before = CALLBACKARG_PREV_FUN(arg, end);

    pipe_close();
    return before ? before(CALLBACKARG_PREV_CARG(arg), opt) : 1;
}

/* ---- options ---- */

/* One option of "out=DIR,set=a.b=c,log=FILE"; a comma is part of a value unless a name and `=` follow. */
static size_t option_length(const char *text)
{
    size_t n = strcspn(text, ",");

    while (text[n]) {
        size_t name = strspn(text + n + 1, "abcdefghijklmnopqrstuvwxyz");
        if (name && text[n + 1 + name] == '=')
            break;
        n += 1 + strcspn(text + n + 1, ",");
    }
    return n;
}

static int options_take(const char *text, char why[WHY_BYTES])
{
    int rc = 0;

    while (*text && rc == 0) {
        size_t n = option_length(text);
        char *name = strndup(text, n), *value = name ? strchr(name, '=') : NULL;
        if (value)
            *value++ = 0;
        rc = name ? settings_take(&settings, name, value, why) : -1;
        free(name);
        text += n + (text[n] == ',');
    }
    return rc;
}

static void say(int is_error, const char *text)
{
    if (is_error)
        fprintf(stderr, "Trommel: %s\n", text);
    hts_log_print(httrack, is_error ? LOG_ERROR : LOG_NOTICE, "Trommel: %s", text);
}

/* HTTrack then ends. */
static int refuse(const char *why)
{
    fprintf(stderr, "trommel: %s\n", why);
    return 0;
}

#pragma GCC visibility push(default)
EXTERNAL_FUNCTION int hts_plug(httrackp *opt, const char *argv);
EXTERNAL_FUNCTION int hts_unplug(httrackp *opt);
#pragma GCC visibility pop

EXTERNAL_FUNCTION int hts_plug(httrackp *opt, const char *argv)
{
    const char *options = strchr(argv, ','), *why;
    static char text[WHY_BYTES] = "there is no memory";

    httrack = opt;
    if (options && strcmp(options, ",help") == 0) {
        settings_help(stdout, "--wrapper trommel-httrack.so,");
        exit(0);
    }
    if (options && options_take(options + 1, text) < 0)
        return refuse(text);
    if (pipe_open(&settings, say, &why) < 0)
        return refuse(why);
    CHAIN_FUNCTION(opt, xfrstatus, on_transfer, NULL);
    CHAIN_FUNCTION(opt, end, on_end, NULL);
    return 1;
}

EXTERNAL_FUNCTION int hts_unplug(httrackp *opt)
{
    pipe_close();
    return 1;
}
