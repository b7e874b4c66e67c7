/* dump: the rows of a data folder's pages, for train.py.
 *
 * usage: dump DATA_DIR OUT
 *
 * Writes OUT.names (a feature a line), OUT.rows (LAYOUT_FEATURES_N bytes a page) and OUT.ids (a line "id
 * fingerprint" a page). */
#include <stdio.h>
#include <string.h>

#include "plugin/stage/boilerplate/train/pages.h"
#include "plugin/stage/layout/features.h"

static struct layout_tables tables;

struct out {
    FILE *rows, *ids;
};

static void each(struct page_file *f, struct arena *a, double parse_ns, void *arg)
{
    struct out *out = arg;
    struct layout_result r;

    layout_read(&tables, &f->parsed.dom, (trommel_str){ f->url, strlen(f->url) }, NULL, NULL, &r);
    fwrite(r.row, 1, LAYOUT_FEATURES_N, out->rows);
    fprintf(out->ids, "%s %016llx\n", f->id, (unsigned long long)r.fingerprint);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: dump DATA_DIR OUT\n");
        return 2;
    }
    struct out out = { pages_out(argv[2], "rows"), pages_out(argv[2], "ids") };
    FILE *names = pages_out(argv[2], "names");
    char name[32];

    for (unsigned i = 0; i < LAYOUT_FEATURES_N; i++) {
        layout_feature_name(i, name, sizeof name);
        fprintf(names, "%s\n", name);
    }
    layout_tables_init(&tables);
    int n = pages_each(argv[1], each, &out);
    int bad = fclose(names) | fclose(out.rows) | fclose(out.ids);
    fprintf(stderr, "%d pages\n", n);
    return n < 0 || bad ? 3 : 0;
}
