/* surt: the key that an index of archives is sorted by (Sort-friendly URI Reordering Transform).
 *
 * "http://www.Example.org:80/A/b/?B=2&a=1" is "org,example)/a/b?a=1&b=2": what differs without meaning falls
 * away, so that captures of one page stand together.  The rules are those of the Internet Archive, as the
 * Python package surt has them, which pywb's indexers use; the key must be the same byte for byte. */
#ifndef TROMMEL_WARC_SURT_H
#define TROMMEL_WARC_SURT_H
#include <trommel/stage.h>

#include "base/buf.h"

/* Adds the key of an absolute URL.  A URL without a key (a port that is none, a host in other letters than
 * ASCII, over 8 KiB) is its own key.  0, or the buffer's error. */
int surt_key(trommel_str url, struct buf *out);
#endif
