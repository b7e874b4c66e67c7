/* dump: the rows and texts of a data folder's blocks, for train.py.
 *
 * usage: dump DATA_DIR OUT
 *
 * Writes OUT.names (a feature a line), OUT.rows (FEATURES_N bytes a block) and OUT.blocks: for each page
 * a line "PAGE id blocks", then for each block three native uint32, its size, the rules that fit it (1 title,
 * 2 teaser, 4 tags, 8 elsewhere; 16 in the root) and its text's bytes, and the text. */
#include <stdio.h>
#include <string.h>

#include "pages.h"
#include "plugin/stage/boilerplate/features.h"
#include "plugin/stage/boilerplate/rules.h"

static struct class_words words;

struct out {
    FILE *rows, *blocks;
};

static void *alloc(void *arg, size_t n)
{
    return arena_alloc(arg, n, 16);
}

static void text_write(FILE *out, const struct page *pg, const struct block *b)
{
    const trommel_dom *d = pg->dom;
    uint32_t n = 0, k = (uint32_t)(b - pg->blocks), head[3];

    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = b->first; i <= b->last; i++) {
            const trommel_node *x = TROMMEL_NODE(d, i);
            if (x->kind == TROMMEL_NODE_ELEMENT) {
                if (sdk_props(d, x) & SDK_SKIP)
                    i = x->end - 1;
                else if (x->tag == TROMMEL_TAG_BR && pass)
                    fputc('\n', out);
                else if (x->tag == TROMMEL_TAG_BR)
                    n++;
            } else if (pass) {
                fwrite(d->strs + x->text, 1, x->text_n, out);
            } else {
                n += x->text_n;
            }
        }
        head[0] = b->size;
        head[1] = (uint32_t)(rule_title(pg, k) + 2 * rule_teaser(pg, k) + 4 * rule_tags(pg, k)
                             + 8 * rule_elsewhere(pg, k)
                             + 16 * (b->el >= pg->root && b->el < pg->els[pg->root].end));
        head[2] = n;
        if (!pass)
            fwrite(head, sizeof head, 1, out);
    }
}

static void each(struct page_file *f, struct arena *a, double parse_ns, void *arg)
{
    struct out *out = arg;
    struct page_mem mem = { alloc, NULL, a };
    struct page pg;
    uint8_t *rows;

    if (page_read(&pg, &f->parsed.dom, &mem, &words) || features_make(&pg, &rows)) {
        fprintf(stderr, "%s: over the arena\n", f->id);
        exit(1);
    }
    fprintf(out->blocks, "PAGE %s %u\n", f->id, pg.n_blocks);
    for (uint32_t k = 0; k < pg.n_blocks; k++) {
        text_write(out->blocks, &pg, &pg.blocks[k]);
        fwrite(rows + (size_t)k * FEATURE_STRIDE, 1, FEATURES_N, out->rows);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: dump DATA_DIR OUT\n");
        return 2;
    }
    struct out out = { pages_out(argv[2], "rows"), pages_out(argv[2], "blocks") };
    FILE *names = pages_out(argv[2], "names");
    char name[32];

    for (unsigned i = 0; i < FEATURES_N; i++) {
        feature_name(i, name, sizeof name);
        fprintf(names, "%s\n", name);
    }
    class_words_init(&words);
    int n = pages_each(argv[1], each, &out);
    int bad = fclose(names) | fclose(out.rows) | fclose(out.blocks);
    fprintf(stderr, "%d pages\n", n);
    return n < 0 || bad ? 3 : 0;
}
