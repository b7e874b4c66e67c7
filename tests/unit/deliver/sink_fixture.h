/* A host for one sink, a folder to work in, and records to put; for the tests of sinks. */
#ifndef SINK_FIXTURE_H
#define SINK_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <trommel/sink.h>
#include <unistd.h>

#include "base/clock.h"
#include "chain/chain.h"
#include "deliver/segment.h"
#include "record/record.h"

/* The build folder: the test lies in BUILD/test/unit/AREA/. */
static inline const char *built(const char *what)
{
    static char path[PATH_MAX];
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

    exe[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < 4; i++)
        *strrchr(exe, '/') = '\0';
    snprintf(path, sizeof path, "%.3000s/%s", exe, what);
    return path;
}

#define HOST_ACKS 4096
struct host {
    const trommel_sink *sink;
    void *self;
    const char *dir, *options; /* "key=value&…" */
    char copy[300];
    uint64_t ahead_ns; /* of the true clock */
    char fail[700], logged[4000], again[700];
    int acks, done, agained, refused;
    uint8_t acked[HOST_ACKS][16];
};

static inline struct host *host_of(trommel_sink_ctx *c)
{
    return (struct host *)c;
}
static inline void h_log(trommel_sink_ctx *c, uint32_t level, const char *m, size_t n)
{
    size_t at = strlen(host_of(c)->logged);

    snprintf(host_of(c)->logged + at, sizeof host_of(c)->logged - at, "%.*s\n", (int)n, m);
}
static inline void h_fail(trommel_sink_ctx *c, const char *m, size_t n)
{
    snprintf(host_of(c)->fail, sizeof host_of(c)->fail, "%.*s", (int)n, m);
}
static inline void h_ack(trommel_sink_ctx *c, const uint8_t id[16], int32_t how, const char *m, size_t n)
{
    struct host *h = host_of(c);

    if (how == TROMMEL_ACK_AGAIN)
        snprintf(h->again, sizeof h->again, "%.*s", (int)n, m);
    h->done += how == TROMMEL_ACK_DONE;
    h->agained += how == TROMMEL_ACK_AGAIN;
    h->refused += how == TROMMEL_ACK_REFUSED;
    if (h->acks < HOST_ACKS)
        memcpy(h->acked[h->acks++], id, 16);
}
static inline uint64_t h_now(trommel_sink_ctx *c)
{
    return clock_mono_ns() + host_of(c)->ahead_ns;
}
static inline int32_t h_opt(trommel_sink_ctx *c, uint32_t opt, trommel_val *ret)
{
    struct host *h = host_of(c);
    const trommel_opt *row = &h->sink->opts[opt];
    const char *text = row->dflt;
    size_t n = strlen(row->key);

    for (char *p = h->copy; *p; p += strlen(p) + 1)
        if (!strncmp(p, row->key, n) && p[n] == '=')
            text = p + n + 1;
    return text && option_parse(row, text, ret, NULL) == 0 ? TROMMEL_OK : TROMMEL_E_ABSENT;
}
static inline const char *h_target(trommel_sink_ctx *c)
{
    return host_of(c)->dir;
}
static const trommel_sink_host h_table = { .struct_size = sizeof h_table, .abi_minor = TROMMEL_SINK_ABI_MINOR,
    .log = h_log, .fail = h_fail, .ack = h_ack, .now_ns = h_now, .opt = h_opt, .target = h_target };

static inline int32_t host_open(struct host *h, const char *so, const char *dir, const char *options)
{
    void *lib = dlopen(built(so), RTLD_NOW);

    if (!lib)
        fail_msg("%s", dlerror());
    const trommel_sink *(*entry)(uint32_t);
    *(void **)&entry = dlsym(lib, "trommel_sink_entry");
    memset(h, 0, sizeof *h);
    h->sink = entry(TROMMEL_SINK_ABI_MAJOR);
    assert_non_null(h->sink);
    h->dir = dir;
    snprintf(h->copy, sizeof h->copy - 1, "%s", options ? options : "");
    for (char *p = h->copy; *p; p++)
        if (*p == '&')
            *p = '\0';
    return h->sink->open(&h_table, (trommel_sink_ctx *)h, &h->self);
}

/* Lets the sink work until so many acknowledgements have come (at most 20 s). */
static inline void host_wait(struct host *h, int acks)
{
    uint64_t until = clock_mono_ms() + 20000;
    struct pollfd p = { .fd = h->sink->fd(h->self), .events = POLLIN };

    while (h->acks < acks && clock_mono_ms() < until) {
        poll(&p, 1, 5);
        h->sink->poll(h->self);
    }
    assert_int_equal(h->acks, acks);
}

static inline void host_close(struct host *h)
{
    h->sink->close(h->self, 1000);
}

/* ---- records ---- */

static inline void id_of(int i, uint8_t id[16])
{
    memset(id, 0xa5, 16);
    memcpy(id, &i, sizeof i);
}

/* Record number i with `bytes` bytes of text. */
static inline struct buf record_of(int i, size_t bytes)
{
    struct buf b = BUF_INIT(64u << 20);
    uint8_t id[16];
    char *text = malloc(bytes + 1);

    for (size_t k = 0; k < bytes; k++)
        text[k] = (char)('a' + (k * 7 + (size_t)i) % 26);
    id_of(i, id);
    mp_map(&b, 3);
    mp_cstr(&b, "v");
    mp_int(&b, 1);
    mp_cstr(&b, "id");
    mp_bin(&b, id, 16);
    mp_cstr(&b, "text");
    mp_str(&b, text, bytes);
    free(text);
    assert_int_equal(b.err, 0);
    return b;
}

/* Puts one; returns what put() returns. */
static inline int32_t host_put(struct host *h, int i, size_t bytes)
{
    struct buf b = record_of(i, bytes);
    trommel_record r = { .struct_size = sizeof r, .data = { (char *)b.data, b.len } };

    id_of(i, r.id);
    int32_t rc = h->sink->put(h->self, &r, 1);
    buf_release(&b);
    return rc;
}

static inline void host_commit(struct host *h, int from, int to)
{
    uint8_t id[1][16];

    for (int i = from; i < to; i++) {
        id_of(i, id[0]);
        h->sink->committed(h->self, (const uint8_t (*)[16])id, 1);
    }
}

/* ---- folders ---- */

static inline char *folder_new(void)
{
    char *dir = strdup("/tmp/trommel-test-XXXXXX");

    assert_non_null(mkdtemp(dir));
    return dir;
}

static inline void folder_free(char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;

    while (d && (e = readdir(d)))
        unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    rmdir(dir);
    free(dir);
}

static inline const char *in(const char *dir, const char *name)
{
    static char path[4][PATH_MAX];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(path[turn], PATH_MAX, "%s/%s", dir, name);
    return path[turn];
}

static inline size_t file_read(const char *path, unsigned char **ret)
{
    int fd = open(path, O_RDONLY);
    struct stat st;

    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    *ret = malloc((size_t)st.st_size + 1);
    assert_int_equal(read(fd, *ret, (size_t)st.st_size), st.st_size);
    close(fd);
    return (size_t)st.st_size;
}

static inline void file_write(const char *path, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), n);
    close(fd);
}

/* How many segments end so. */
static inline int folder_count(const char *dir, const char *suffix)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    int n = 0;

    while (d && (e = readdir(d))) {
        size_t k = strlen(e->d_name), m = strlen(suffix);
        n += k > m && e->d_name[0] == 'r' && !strcmp(e->d_name + k - m, suffix);
    }
    if (d)
        closedir(d);
    return n;
}

/* Counts the records by number over all segments of a folder; fails on damage. */
static inline int folder_records(const char *dir, int *count, int max)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    int total = 0;

    memset(count, 0, sizeof *count * (size_t)max);
    while (d && (e = readdir(d))) {
        if (e->d_name[0] != 'r')
            continue;
        int fd = openat(dirfd(d), e->d_name, O_RDONLY), i;
        struct segment *s = segment_new(fd, 0, 0);
        struct segment_item item;
        enum segment_event ev;

        while ((ev = segment_next(s, &item)) == SEGMENT_RECORD) {
            memcpy(&i, item.id, sizeof i);
            assert_in_range(i, 0, max - 1);
            count[i]++;
            total++;
        }
        if (ev != SEGMENT_END)
            fail_msg("%s: event %d at %llu: %s", e->d_name, ev, (unsigned long long)item.offset, item.what);
        segment_free(s);
        close(fd);
    }
    if (d)
        closedir(d);
    return total;
}

/* Each of the n records exactly once? */
static inline void assert_each_once(const char *dir, int n)
{
    int count[HOST_ACKS];

    assert_int_equal(folder_records(dir, count, n), n);
    for (int i = 0; i < n; i++)
        assert_int_equal(count[i], 1);
}
#endif
