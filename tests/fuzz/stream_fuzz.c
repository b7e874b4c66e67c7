/* stream: any bytes as the input of `extract --stream`: frames, each as a page.  Whatever is wrong with one,
 * its answer is a valid record; nothing of a page lies outside its frame or what was made of it; frames add
 * up to the input. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"
#include "command/stream/answer.h"
#include "command/stream/frame.h"
#include "command/stream/page.h"
#include "record/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void within(trommel_str s, const struct stream_frame *f, const struct buf *made)
{
    const unsigned char *p = (const unsigned char *)s.p;
    int in_frame = p >= f->data && p + s.n <= f->data + f->n;

    if (s.n && !in_frame && !(made && p >= made->data && p + s.n <= made->data + made->len))
        abort();
}

static void page_look(struct stream_page *p, const struct stream_frame *f)
{
    struct buf answer = BUF_INIT(LIMIT_RECORD_BYTES), shortened = BUF_INIT(LIMIT_RECORD_BYTES);
    const trommel_input *in = &p->input;

    int rc = stream_page_read(p, f->data, f->n, f->n == f->length);
    if (rc == 0 && f->n == f->length && !in->body.p)
        abort();
    within(in->body, f, NULL);
    within(in->url, f, NULL);
    within(in->fetch, f, NULL);
    within(in->id, f, &p->id);
    within(in->headers, f, &p->headers);
    within(in->content_type, f, &p->headers);
    if (in->content_encoding.p != (const char *)p->encoding.data)
        within(in->content_encoding, f, &p->headers);
    answer_error(&answer, p, f->number, rc < 0 ? p->reason : "invalid_input", rc < 0 ? p->why.text : "no");
    if (record_check(answer.data, answer.len, NULL) < 0)
        abort();
    answer_short(&shortened, (trommel_str){ (const char *)answer.data, answer.len });
    if (mp_check(shortened.data, shortened.len, 4, NULL) < 0)
        abort();
    buf_release(&answer);
    buf_release(&shortened);
}

static void frames_look(int fd, size_t n)
{
    struct stream_reader r;
    struct stream_frame f;
    struct stream_page p;
    size_t whole = 0;
    int rc;

    stream_reader_init(&r, fd);
    stream_page_init(&p);
    do {
        r.readable = 1; /* a file: a read never waits */
        rc = stream_reader_next(&r, &f, NULL);
        if (rc == 0 || rc == ERR_LIMIT)
            whole += 4 + (size_t)f.length;
        if (f.data)
            page_look(&p, &f);
        free(f.data);
    } while (rc == 0 || rc == ERR_LIMIT || rc == ERR_AGAIN);
    if (whole > n || (rc == ERR_CLOSED && whole != n))
        abort();
    stream_page_release(&p);
    stream_reader_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    frames_look(fd, n);
    close(fd);
    return 0;
}
