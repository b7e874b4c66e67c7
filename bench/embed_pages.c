/* embed_pages: one round over the pages for embed.sh, which measures it from outside.
 *
 *     embed_pages read FILE...     reads the pages, and nothing else: what the other two cost before a page
 * is run embed_pages chain FILE...    calls the default chain in this process embed_pages library FILE...
 * hands them to libtrommel with one worker and waits for the records
 */
#include <trommel/trommel.h>

#include "bench/chain_call.h"

static void on_record(void *arg, void *user, const trommel_result *r)
{
    *(size_t *)arg += r->record.n > 0;
}

/* The pages stay where they are until the end. */
static void on_release(void *user)
{
}

static void library_submit(trommel *t, const struct bench_page *page, size_t i, trommel_error *err)
{
    char url[64];
    int rc, n = snprintf(url, sizeof url, "http://127.0.0.1/%zu.html", i);
    trommel_input in = {
        .struct_size = sizeof in,
        .url = { url, (size_t)n },
        .content_type = { "text/html; charset=utf-8", 24 },
        .body = { page->data, page->n },
    };

    while ((rc = trommel_submit_ref(t, &in, NULL, on_release, err)) == TROMMEL_FULL)
        if (trommel_dispatch(t, -1, err) < 0)
            bench_fail(err->text);
    if (rc < 0)
        bench_fail(err->text);
}

/* The first n pages. */
static void library_call(const struct bench_pages *pages, size_t n)
{
    size_t records = 0;
    trommel_error err = { .struct_size = sizeof err };
    trommel_options opt = {
        .struct_size = sizeof opt, .workers = 1, .on_record = on_record, .arg = &records
    };
    trommel *t;

    if (trommel_open(&opt, &t, &err) < 0)
        bench_fail(err.text);
    for (size_t i = 0; i < n; i++)
        library_submit(t, &pages->at[i], i, &err);
    if (trommel_flush(t, -1, &err) < 0)
        bench_fail(err.text);
    trommel_close(t);
    if (records != n)
        bench_fail("records are missing");
}

int main(int argc, char **argv)
{
    const char *way = argc > 2 ? argv[1] : "";
    int is_start = strstr(way, "-start") != NULL;

    if (strncmp(way, "chain", 5) && strncmp(way, "library", 7)) {
        fprintf(stderr, "usage: embed_pages chain|library|chain-start|library-start FILE...\n");
        return 2;
    }
    struct bench_pages pages = bench_read_all(argv + 2, argc - 2);
    if (*way == 'c')
        bench_chain_call(&pages, NULL, !is_start);
    else
        library_call(&pages, is_start ? 0 : pages.n);
    return 0;
}
