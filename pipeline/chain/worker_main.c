/* trommel-worker: runs one chain over the pages a host hands to it.  Started by the host, never by hand. */
#include <stdio.h>
#include <sys/socket.h>

#include "chain/proto.h"
#include "chain/worker.h"

int main(void)
{
    int type;
    socklen_t n = sizeof type;

    if (getsockopt(PROTO_FD_SOCKET, SOL_SOCKET, SO_TYPE, &type, &n)) {
        fputs("trommel-worker: started by trommel for itself; there is nothing to be done by hand\n", stderr);
        return 2;
    }
    return worker_serve();
}
