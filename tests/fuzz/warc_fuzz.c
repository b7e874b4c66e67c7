/* warc: any bytes as an archive, through a file and through a pipe, and every record's block as an HTTP
 * message.  Reading must end, and both ways must give the same records when nothing is damaged. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "warc/http.h"
#include "warc/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void on_damage(void *arg, const struct warc_place *place, const char *text)
{
    if (!*text)
        abort();
    ++*(size_t *)arg;
}

static size_t records(int fd, size_t *damages)
{
    struct warc_options opt = { .on_damage = on_damage, .arg = damages };
    unsigned char *spare = malloc(MEMBER_BUF_BYTES);
    struct warc_record r;
    struct err err = { 0 };
    struct warc *w;
    size_t n = 0;

    *damages = 0;
    if (!spare || warc_open(fd, &opt, &w) < 0)
        abort();
    while (warc_next(w, &r, &err) == 1) {
        struct http_message m;
        n++;
        if (n % 2)
            warc_keep(w, &spare, &r);
        if (r.block_n > WARC_BLOCK_MOST || (r.is_whole && r.block_n != r.head.length))
            abort();
        if (http_read(r.block, r.block_n, r.is_whole, &m) == 0 &&
            (m.body.p < (char *)r.block || m.body.p + m.body.n > (char *)r.block + r.block_n))
            abort();
    }
    warc_close(w);
    free(spare);
    close(fd);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int fd = memfd_create("warc", 0), fds[2];
    size_t damages, damages_pipe;

    if (n > 60000 || fd < 0 || write(fd, data, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) < 0 ||
        pipe(fds) < 0 || write(fds[1], data, n) != (ssize_t)n) /* a pipe holds so much */
        return 0;
    close(fds[1]);
    size_t a = records(fd, &damages), b = records(fds[0], &damages_pipe);
    if (!damages && !damages_pipe && a != b)
        abort();
    return 0;
}
