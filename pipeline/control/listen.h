/* listen: the control socket's file, from its making to its removal.  Internal to control/. */
#ifndef TROMMEL_CONTROL_LISTEN_H
#define TROMMEL_CONTROL_LISTEN_H
#include <sys/stat.h>

#include "base/err.h"

struct listening {
    int fd;    /* listens, does not block; -1 if somebody else has taken it */
    int dirfd; /* the job's folder */
    struct stat st;
};
/* ERR_EXISTS, ERR_IO with a message; nothing is to be closed then. */
int listening_open(struct listening *l, const char *dir, struct err *err);
/* Removes the file, if it is still this one; may be called again. */
void listening_close(struct listening *l);
#endif
