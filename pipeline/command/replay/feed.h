/* feed: archives read by a thread of its own, their pages handed to the loop one by one.
 *
 *     the loop: replay_feed_add …, replay_feed_close      the thread: open, read, judge, keep
 *     the loop: replay_feed_take ◄── at most FEED_ITEMS ──┘
 *               replay_feed_give when a page's bytes are not needed any longer
 *
 * Pages come in the order of the files and of the records in them; behind the last one of a file its end.
 * What the thread has to say is kept, in bounds, for replay_feed_tell.  Memory: FEED_ITEMS blocks, and an
 * index of where payloads lie for revisit records (FEED_INDEX_MOST). */
#ifndef TROMMEL_COMMAND_REPLAY_FEED_H
#define TROMMEL_COMMAND_REPLAY_FEED_H
#include "base/buf.h"
#include "command/replay/journal.h"
#include "warc/http.h"
#include "warc/read.h"

enum { FEED_ITEMS = 8, FEED_TOLD_MOST = 20 /* damages of one file that are named */ };

/* Records that gave no page, and why. */
#define FEED_COUNT_MAP(X)                                                                                    \
    X(RECORDS, "records")                                                                                    \
    X(PAGES, "pages")                                                                                        \
    X(REDIRECTS, "redirects")                                                                                \
    X(REVISITS, "revisits without their original") X(REQUESTS, "requests") X(ROBOTS, "robots.txt")           \
        X(METADATA, "metadata") X(INFO, "warcinfo") X(NO_HTTP, "of other protocols")                         \
            X(NOT_READ, "responses that are no HTTP") X(OTHER, "of other types")                             \
                X(DAMAGES, "damaged places") X(BAD_FILES, "files that could not be read")                    \
                    X(AGAIN, "done before")
enum feed_count {
#define X(name, text) FEED_##name,
    FEED_COUNT_MAP(X)
#undef X
        FEED_COUNTS
};

struct replay_file {
    char *path;                   /* "-": standard input */
    const char *name;             /* for messages */
    struct journal_file *journal; /* as it was when the file was added; the loop's after that */
    struct journal_file known;    /* … and the feed's copy */
    uint64_t size;                /* UINT64_MAX: not known */
    struct replay_file *next;
    /* the loop's */
    uint64_t pending;
    int is_read;
    int again;  /* it was named again, and has grown meanwhile */
    int is_bad; /* it could not be read, or is no archive with pages: it is not done */
};

struct feed_item {
    struct feed_item *next;
    struct replay_file *file;
    int is_end; /* of the file; there is no page */
    struct warc_record record;
    struct http_message http; /* of resource records: 200, and their type */
    struct buf fetch;         /* the record's `fetch` */
    struct buf made_of;       /* … and what its id is made of */
    const char *failed;       /* there is no page to be had, and why */
    uint64_t key;             /* for the journal */
    int is_other;             /* what comes is not what came before from the same place: all of it is new */
    unsigned char *buf;       /* the record's bytes */
};

struct replay_feed;
/* job: part of every id. */
struct replay_feed *replay_feed_new(const char *job);
void replay_feed_free(struct replay_feed *f); /* ends the thread; NULL-safe */
/* The file's path, name, size and `known` are the feed's from now on, and must live as long as it does. */
void replay_feed_add(struct replay_feed *f, struct replay_file *file);
void replay_feed_close(struct replay_feed *f); /* no more files come */
/* Nothing more is begun: what was taken is the last. */
void replay_feed_stop(struct replay_feed *f);
/* Readable when there may be something to take. */
int replay_feed_fd(const struct replay_feed *f);
struct feed_item *replay_feed_take(struct replay_feed *f); /* NULL: nothing now */
void replay_feed_give(struct replay_feed *f, struct feed_item *item);
/* All files are read (or it was stopped) and everything was taken. */
int replay_feed_is_done(struct replay_feed *f);
/* Logs what there is to say. */
void replay_feed_tell(struct replay_feed *f);
void replay_feed_counts(struct replay_feed *f, uint64_t ret[FEED_COUNTS]);
/* Packed bytes read so far, of all files, those too that were done before. */
uint64_t replay_feed_bytes(struct replay_feed *f);
#endif
