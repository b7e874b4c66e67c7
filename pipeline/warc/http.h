/* http: the message in the block of a response record: status, headers, and the body with the transfer coding
 * off.
 *
 * What is wanted is what the server sent; what there is is what the writer of the archive made of it.  A
 * block that says chunked and is not, because its writer took that off (Common Crawl, Nutch, browsertrix), is
 * taken as it is.  A content coding stays for whoever parses the page; writers that took it off renamed or
 * kept the header, and the decoder takes plain text for what it is. */
#ifndef TROMMEL_WARC_HTTP_H
#define TROMMEL_WARC_HTTP_H
#include <stddef.h>
#include <trommel/stage.h>

struct http_message {
    int status;
    trommel_str headers; /* "Name: value" lines; NULs are made spaces, folded values joined */
    trommel_str body;
    trommel_str content_type, content_encoding, location; /* values, of the first header of that name */
    trommel_str protocol;                                 /* "HTTP/1.1" */
    int is_cut;                                           /* the chunked body breaks off */
};

/* Reads a response where it lies, and takes chunks apart there; all of *ret is borrowed.  is_whole: the block
 * is all there.  0; ERR_INVALID: no status line; ERR_LIMIT: headers over LIMIT_HEADER_BYTES. */
int http_read(unsigned char *block, size_t n, int is_whole, struct http_message *ret);
#endif
