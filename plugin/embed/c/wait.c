/* wait: pages through Trommel without a loop.  Records go to standard output as msgpack, one behind the
 * other: wait page.html ... >records */
#include <stdio.h>
#include <stdlib.h>
#include <trommel/trommel.h>

#include "file.h"

int main(int argc, char **argv)
{
    static const char *const set[] = { "blocks=true" };
    const trommel_stage_ref chain[] = {
        { .struct_size = sizeof *chain, .stage = "boilerplate", .set = set, .n_set = 1 },
        { .struct_size = sizeof *chain, .stage = "metadata" },
    };
    trommel_options opt = { .struct_size = sizeof opt, .chain = chain, .n_chain = 2 };
    trommel_error err = { .struct_size = sizeof err };
    trommel_result r = { .struct_size = sizeof r };
    trommel *t;
    int rc, at = 1;

    if (trommel_open(&opt, &t, &err) < 0)
        return fprintf(stderr, "%s\n", err.text), 1;
    do {
        for (; at < argc && trommel_room(t); at++) {
            trommel_input in = { .struct_size = sizeof in, .body = file_read(argv[at]) };
            in.id = (trommel_str){ argv[at], strlen(argv[at]) };
            if (trommel_submit_ref(t, &in, (char *)in.body.p, free, &err) < 0)
                fprintf(stderr, "%s: %s\n", argv[at], err.text);
        }
        rc = trommel_next(t, -1, &r, &err);
        if (rc > 0)
            fwrite(r.record.p, 1, r.record.n, stdout);
    } while (rc > 0 || at < argc);
    if (rc < 0)
        fprintf(stderr, "%s\n", err.text);
    trommel_close(t);
    return rc < 0;
}
