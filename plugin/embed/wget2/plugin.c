/* plugin: Trommel inside wget2: pages that wget2 fetches come out as records.  README.md says how it is used.
 *
 * wget2 calls, in this order: the initializer, the options (one call each), the URL filter with every URL
 * that it takes up (the first time the pipeline is opened: then all options are known and nothing was
 * fetched), the post-processor with every page, in its downloader threads, and the finalizer. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hear.h"
#include "page.h"
#include "../common/pipe.h"

enum { EXIT_USAGE = 2 }; /* as wget2 ends when it does not understand an option */

static struct settings settings;
static int delete_files;
static pthread_once_t opened = PTHREAD_ONCE_INIT;

/* ---- options ---- */

static int on_option(api_plugin *plugin, const char *name, const char *value)
{
    char why[WHY_BYTES];

    if (strcmp(name, "help") == 0) {
        settings_help(stdout, "--plugin-opt=trommel.");
        puts("  --plugin-opt=trommel.delete\n      removes wget2's file of each page when the page was "
             "handed in");
        return 0;
    }
    if (strcmp(name, "delete") == 0 && !value) {
        delete_files = 1;
        return 0;
    }
    if (settings_take(&settings, name, value, why) == 0)
        return 0;
    fprintf(stderr, "trommel: %s\n", why); /* wget2's loggers are not set up yet */
    return -1;
}

/* ---- pages ---- */

/* As in Trommel's own crawl robots.txt has no record; wget2 fetches it by itself. */
static int is_robots(const char *url)
{
    const char *host = strstr(url, "://"), *path = host ? strchr(host + 3, '/') : NULL;

    return path && strcmp(path, "/robots.txt") == 0;
}

static void on_other(const char *url, const struct answer *a)
{
    if (!is_robots(url))
        page_put_none(url, a);
}

static void say(int is_error, const char *text)
{
    if (is_error)
        wget_error_printf("Trommel: %s\n", text);
    else
        wget_info_printf("Trommel: %s\n", text);
}

static void open_or_exit(void)
{
    const char *why = "there is no memory";

    if (pipe_open(&settings, say, &why) == 0 && hear_start(on_other) == 0)
        return;
    fprintf(stderr, "trommel: %s\n", why);
    exit(EXIT_USAGE);
}

/* Only its first call is of interest. */
static void on_url(api_plugin *plugin, const api_iri *iri, api_action *action)
{
    pthread_once(&opened, open_or_exit);
}

static int on_file(api_plugin *plugin, api_file *file)
{
    const api_iri *iri = file->vtable->file_get_source_url(file);
    struct answer *a = hear_answer(iri);

    if (a && a->status == 304)
        hear_tell(iri->uri, a);
    else if (!is_robots(iri->uri))
        page_put(file, iri->uri, a, delete_files);
    return 1;
}

static void on_end(api_plugin *plugin, int status)
{
    pipe_close();
}

WGET_EXPORT int wget_plugin_initializer(api_plugin *plugin);
WGET_EXPORT int wget_plugin_initializer(api_plugin *plugin)
{
    plugin->vtable->register_argp(plugin, on_option);
    plugin->vtable->register_url_filter(plugin, on_url);
    plugin->vtable->register_post_processor(plugin, on_file);
    plugin->vtable->register_finalizer(plugin, on_end);
    return 0;
}
