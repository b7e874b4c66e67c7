/* client: asks a crawl that runs, over its control socket.  Blocks; no loop. */
#ifndef TROMMEL_CONTROL_CLIENT_H
#define TROMMEL_CONTROL_CLIENT_H
#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

struct control_ask {
    const char *dir;     /* the job's folder */
    uint64_t timeout_ms; /* from the call to the answer; 0: as long as it takes */
    void (*on_progress)(void *arg, const char *text); /* may be NULL */
    void *arg;
};
/* Says the request and waits for its answer, which is *ret then, whole ({"ok":…}); the caller's.  ERR_ABSENT:
 * no crawl is running there; ERR_REFUSED: not this user's; ERR_TIMEOUT; ERR_CLOSED: the crawl ended instead
 * of answering; ERR_CORRUPT: it does not speak the protocol; ERR_IO.  The message says what is wrong and the
 * mend. */
int control_ask(const struct control_ask *how, const json_t *request, json_t **ret, struct err *err);
#endif
