/* segment: the file format of records, and its reader.
 *
 * A segment is plain msgpack: record, checksum, record, checksum, …  A record is one map; the checksum is
 * one ext value of type 0x43 that holds 20 bytes:
 *     0   4  CRC-32 (zlib's), big-endian, of the record's bytes followed by the 16 of the id
 *     4  16  the record's id
 * so any streaming unpacker reads the file.  A compressed segment is a row of zstd frames that together
 * hold the same bytes; the file sink writes one frame a batch.
 *
 * The reader streams, checks every record, tells a torn tail (nothing whole follows) from damage (records
 * follow, and it goes on with them), and never believes a length that it has not bounded.  Files without
 * checksums (`bare`: records one after the other) are read on request.  Used by the file sink to recover
 * and by `trommel cat`; stands on zlib and zstd only, so that a sink can have it compiled in. */
#ifndef TROMMEL_DELIVER_SEGMENT_H
#define TROMMEL_DELIVER_SEGMENT_H
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_ID_BYTES 16
#define SEGMENT_EXT 0x43
#define SEGMENT_TRAILER 23 /* bytes behind each record */
#define SEGMENT_RECORD_MAX (17u * 1024 * 1024)
#define SEGMENT_OPEN ".open" /* behind the name while it is written */

/* What comes behind a record in the file. */
void segment_trailer(const void *record, size_t n, const uint8_t id[SEGMENT_ID_BYTES],
                     unsigned char out[SEGMENT_TRAILER]);

/* Bytes of the msgpack object at p: 0 if it is cut short, -1 if it is none or over the maximum. */
long segment_object(const unsigned char *p, size_t n);

enum segment_event {
    SEGMENT_END,    /* the file ends behind a whole record */
    SEGMENT_RECORD, /* here is one */
    SEGMENT_DAMAGE, /* `lost` bytes are no whole record; what follows is read on */
    SEGMENT_TORN,   /* from `offset` on nothing is whole: what a crash left of the last write */
    SEGMENT_FAILED, /* reading failed, errno says why */
};

struct segment_item {
    const unsigned char *record; /* dies with the next call */
    size_t n;
    uint8_t id[SEGMENT_ID_BYTES]; /* zero in a bare file */
    /* Place in the file; of a compressed file: where the frame begins. */
    uint64_t offset;
    uint64_t lost;    /* DAMAGE, TORN: bytes of the file */
    const char *what; /* DAMAGE, TORN: in words */
};

struct segment;
/* Reads from fd (borrowed), which stands at file offset `offset`.  Compression is sniffed.  bare: take
 * records without checksums if the first one has none.  NULL: out of memory. */
struct segment *segment_new(int fd, uint64_t offset, int bare);
enum segment_event segment_next(struct segment *s, struct segment_item *ret);
/* Known after the first call of segment_next. */
int segment_is_zstd(const struct segment *s);
void segment_free(struct segment *s); /* NULL-safe */
#endif
