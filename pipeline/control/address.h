/* address: how the control socket of a job's folder is addressed, and what is found there. */
#ifndef TROMMEL_CONTROL_ADDRESS_H
#define TROMMEL_CONTROL_ADDRESS_H
#include <sys/socket.h>
#include <sys/un.h>

#include "base/err.h"

/* A socket's address has room for 107 bytes of path; folders may lie deeper than that.  Such a path is said
 * through `dirfd` (O_PATH of `dir`), which must stay open as long as the address is used. */
void control_address(int dirfd, const char *dir, const char *name, struct sockaddr_un *ret);

/* Connects to the control socket in `dir`.  *ret_fd is close-on-exec and does not block.  ERR_ABSENT: there
 * is no folder, no socket, or nobody behind it; ERR_REFUSED: not for this user; ERR_IO.  The message says
 * which, and the mend. */
int control_connect(const char *dir, int *ret_fd, struct err *err);
#endif
