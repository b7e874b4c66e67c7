/* trommel-worker: runs one chain over the pages a host hands to it; with `keep`, sees to one program of an exec stage
 * (exec.h).  Started by the host, never by hand. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "chain/exec.h"
#include "chain/proto.h"
#include "chain/worker.h"

int main(int argc, char **argv)
{
    int type;
    socklen_t n = sizeof type;

    if (argc > 1 && !strcmp(argv[1], EXEC_KEEPER))
        return exec_keeper(argc, argv);
    if (getsockopt(PROTO_FD_SOCKET, SOL_SOCKET, SO_TYPE, &type, &n)) {
        fputs("trommel-worker: started by trommel for itself; there is nothing to be done by hand\n", stderr);
        return 2;
    }
    return worker_serve();
}
