/* decode: every coding gives its text back; nothing passes a limit; input ends at an unreadable page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "parse/decode.h"
#include "tests/unit/parse/guarded.h"

static const char page[] =
    "<html><body><p>brotli says hello, and hello again, and hello once more</p></body></html>";
static const unsigned char br_page[] = {
    0x13, 0x57, 0x00, 0x00, 0xc4, 0xce, 0x96, 0xaa, 0xd0, 0x84, 0x62, 0xd7, 0x02, 0x13, 0x6c, 0xb8,
    0x9f, 0xbd, 0x07, 0x5c, 0x7c, 0x70, 0x6c, 0xb0, 0x27, 0x0e, 0x38, 0xe4, 0x16, 0x78, 0x10, 0xe5,
    0x3f, 0x29, 0x09, 0x06, 0xe9, 0xe1, 0xc1, 0x1e, 0xfc, 0xf8, 0xbb, 0x44, 0x2f, 0x15, 0x77, 0x0f,
    0x6f, 0x54, 0xa4, 0xe9, 0x0c, 0x55, 0x2e, 0x6e, 0xa4, 0x0c, 0x2f, 0xf5, 0x47, 0x39, 0x24, 0x5d,
    0x05,
};
static const unsigned char br_bomb[] = {
    0x9f, 0xff, 0xff, 0x9f, 0xf8, 0x25, 0xc2, 0xe2, 0xb1, 0x40, 0x20, 0xf7, 0xfe, 0x13,
};
enum { ROOM = 12 * 1024 * 1024 };

struct fixture {
    struct decoder d;
    struct parse_limits limits;
    unsigned char *room; /* what was packed */
    size_t n;
    trommel_str body;
    const char *reason;
    struct guarded g;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (!f || decoder_init(&f->d))
        return -1;
    f->limits = (struct parse_limits)PARSE_LIMITS_DEFAULT;
    f->room = malloc(ROOM);
    *state = f;
    return f->room ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    decoder_release(&f->d);
    free(f->room);
    free(f);
    return 0;
}

/* bits: as for deflateInit2. */
static void pack(struct fixture *f, const void *p, size_t n, int bits)
{
    z_stream z = { 0 };

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)p;
    z.avail_in = (uInt)n;
    z.next_out = f->room + f->n;
    z.avail_out = (uInt)(ROOM - f->n);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    f->n = (size_t)(z.next_out - f->room);
    deflateEnd(&z);
}

static void pack_zstd(struct fixture *f, const void *p, size_t n)
{
    size_t got = ZSTD_compress(f->room + f->n, ROOM - f->n, p, n, 3);

    assert_false(ZSTD_isError(got));
    f->n += got;
}

static void decode(struct fixture *f, const char *encoding, const void *p, size_t n)
{
    f->g = guarded_new(p, n);
    assert_int_equal(decode_body(&f->d, &f->limits, (trommel_str){ encoding, strlen(encoding) },
                                 (trommel_str){ f->g.p, n }, &f->body, &f->reason),
                     0);
    assert_true(f->d.out[0].cap <= f->limits.body_bytes && f->d.out[1].cap <= f->limits.body_bytes);
}

static void is_page(struct fixture *f)
{
    if (f->reason)
        fail_msg("failed with %s", f->reason);
    assert_int_equal(f->body.n, strlen(page));
    assert_memory_equal(f->body.p, page, strlen(page));
    guarded_free(&f->g);
}

static void fails(struct fixture *f, const char *reason)
{
    assert_non_null(f->reason);
    assert_string_equal(f->reason, reason);
    guarded_free(&f->g);
}

static void a_coding_does_not_give_its_text(void **state)
{
    struct fixture *f = *state;

    pack(f, page, strlen(page), 15 + 16);
    decode(f, "gzip", f->room, f->n);
    is_page(f);
    decode(f, " X-GZip , identity", f->room, f->n);
    is_page(f);
    f->n = 0;
    pack(f, page, strlen(page), 15);
    decode(f, "deflate", f->room, f->n);
    is_page(f);
    f->n = 0;
    pack(f, page, strlen(page), -15);
    decode(f, "Deflate", f->room, f->n);
    is_page(f);
    f->n = 0;
    pack_zstd(f, page, strlen(page));
    decode(f, "zstd", f->room, f->n);
    is_page(f);
    decode(f, "br", br_page, sizeof br_page);
    is_page(f);
    decode(f, "identity", page, strlen(page));
    is_page(f);
    decode(f, "", page, strlen(page));
    is_page(f);
}

static void members_after_the_first_are_lost(void **state)
{
    struct fixture *f = *state;

    pack(f, page, 20, 15 + 16);
    pack(f, page + 20, strlen(page) - 20, 15 + 16);
    decode(f, "gzip", f->room, f->n);
    is_page(f);
    memcpy(f->room + f->n, "trailing garbage", 16);
    decode(f, "gzip", f->room, f->n + 16);
    is_page(f);
    f->n = 0;
    pack_zstd(f, page, 20);
    pack_zstd(f, page + 20, strlen(page) - 20);
    decode(f, "zstd", f->room, f->n);
    is_page(f);
}

static void stacked_codings_are_undone_in_the_wrong_order(void **state)
{
    struct fixture *f = *state;
    unsigned char inner[1024];

    pack(f, page, strlen(page), 15);
    size_t n = f->n;
    memcpy(inner, f->room, n);
    f->n = 0;
    pack_zstd(f, inner, n);
    n = f->n;
    memcpy(inner, f->room, n);
    f->n = 0;
    pack(f, inner, n, 15 + 16);
    decode(f, "deflate, zstd, gzip", f->room, f->n);
    is_page(f);
    decode(f, "gzip,gzip,gzip,gzip,gzip", f->room, f->n);
    fails(f, "unknown_encoding");
}

static void one_wrong_label_spoils_the_others(void **state)
{
    struct fixture *f = *state;

    pack(f, page, strlen(page), 15 + 16);
    decode(f, "br, br, gzip", f->room, f->n);
    is_page(f);
}

static void text_labelled_as_packed_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const labels[] = { "gzip", "br", "zstd", "deflate", "utf-8", "none" };

    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        decode(f, labels[i], page, strlen(page));
        is_page(f);
    }
    decode(f, "compress", page, strlen(page));
    fails(f, "unknown_encoding");
}

static void a_cut_body_gives_nothing(void **state)
{
    struct fixture *f = *state;
    static const int bits[] = { 15 + 16, 15, -15 };
    static const char *const labels[] = { "gzip", "deflate", "deflate" };

    for (size_t k = 0; k < 3; k++) {
        f->n = 0;
        pack(f, page, strlen(page), bits[k]);
        for (size_t n = 0; n < f->n; n++) {
            decode(f, labels[k], f->room, n);
            if (!f->reason) {
                assert_true(f->body.n <= strlen(page));
                assert_memory_equal(f->body.p, page, f->body.n);
            } else {
                assert_string_equal(f->reason, "bad_encoding");
            }
            if (n + 9 >= f->n) /* only the trailer is missing, or nearly */
                assert_true(!f->reason && f->body.n > 40);
            guarded_free(&f->g);
        }
    }
    for (size_t n = 0; n < sizeof br_page; n++) {
        decode(f, "br", br_page, n);
        if (!f->reason)
            assert_memory_equal(f->body.p, page, f->body.n);
        guarded_free(&f->g);
    }
}

static void damaged_data_passes(void **state)
{
    struct fixture *f = *state;
    static unsigned char noise[4096];

    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)((i * 2654435761u) >> 13);
    pack(f, noise, sizeof noise, 15 + 16);
    f->room[f->n / 2] ^= 0x55;
    f->room[f->n - 6] ^= 0x55; /* and the checksum with it */
    decode(f, "gzip", f->room, f->n);
    fails(f, "bad_encoding");
    decode(f, "gzip", noise, sizeof noise);
    fails(f, "bad_encoding");
    decode(f, "zstd", noise, sizeof noise);
    fails(f, "bad_encoding");
    for (size_t i = 2; i < 64; i++) { /* no crash is all that is asked */
        decode(f, i & 1 ? "br" : "deflate", noise + i, sizeof noise - i);
        guarded_free(&f->g);
    }
}

static void a_bomb_goes_off(void **state)
{
    struct fixture *f = *state;
    char *zeros = calloc(1, 9 * MIB);

    assert_non_null(zeros);
    pack(f, zeros, 9 * MIB, 15 + 16);
    decode(f, "gzip", f->room, f->n);
    fails(f, "decode_ratio");
    f->limits.ratio = 1000000;
    decode(f, "gzip", f->room, f->n);
    fails(f, "too_large");
    f->room[f->n - 1] = 0; /* the trailer claims little */
    f->room[f->n - 2] = 1;
    decode(f, "gzip", f->room, f->n);
    fails(f, "too_large");
    decode(f, "br", br_bomb, sizeof br_bomb);
    fails(f, "too_large");
    f->limits.ratio = LIMIT_DECODE_RATIO;
    decode(f, "br", br_bomb, sizeof br_bomb);
    fails(f, "decode_ratio");
    f->n = 0;
    pack_zstd(f, zeros, 9 * MIB);
    decode(f, "zstd", f->room, f->n);
    fails(f, "decode_ratio");
    free(zeros);
}

static void cap_holds(struct fixture *f, size_t extra)
{
    if (extra)
        assert_string_equal(f->reason ? f->reason : "taken", "too_large");
    else if (f->reason || f->body.n != 100000)
        fail_msg("%zu bytes, %s", f->body.n, f->reason ? f->reason : "ok");
    guarded_free(&f->g);
}

static void the_cap_is_off_by_one(void **state)
{
    struct fixture *f = *state;
    char *text = malloc(100001);

    assert_non_null(text);
    for (uint32_t i = 0, r = 1; i < 100001; i++, r = r * 1664525 + 1013904223)
        text[i] = (char)('a' + (r >> 16) % 26);
    f->limits.body_bytes = 100000;
    for (size_t extra = 0; extra < 2; extra++) {
        f->n = 0;
        pack(f, text, 100000 + extra, 15 + 16);
        decode(f, "gzip", f->room, f->n);
        cap_holds(f, extra);
        f->n = 0;
        pack_zstd(f, text, 100000 + extra);
        decode(f, "zstd", f->room, f->n);
        cap_holds(f, extra);
        decode(f, "", text, 100000 + extra);
        cap_holds(f, extra);
    }
    free(text);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_coding_does_not_give_its_text),
        T(members_after_the_first_are_lost),
        T(stacked_codings_are_undone_in_the_wrong_order),
        T(one_wrong_label_spoils_the_others),
        T(text_labelled_as_packed_is_refused),
        T(a_cut_body_gives_nothing),
        T(damaged_data_passes),
        T(a_bomb_goes_off),
        T(the_cap_is_off_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
