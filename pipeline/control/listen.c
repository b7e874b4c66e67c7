/* listen: makes the control socket; see listen.h.
 *
 * The socket's mode is set before it has a name (Linux gives the file the mode of the socket's own inode), it
 * listens before it has its final name, and it is renamed over what a killed crawl left: there is no moment
 * in which others may connect, or in which a client finds a socket that nobody serves. */
#include "control/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/address.h"
#include "control/control.h"

#define SOCKET_NEW CONTROL_SOCKET ".new"
enum { BACKLOG = 64, MODE = S_IRUSR | S_IWUSR };

/* Is what lies there a dead crawl's? */
static int place_check(struct listening *l, const char *dir, struct err *err)
{
    struct stat st;
    int fd, rc;

    if (fstatat(l->dirfd, CONTROL_SOCKET, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : err_set(err, ERR_IO, "%s/" CONTROL_SOCKET ": %s", dir, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_EXISTS, "%s/" CONTROL_SOCKET ": is there already and no socket: move it away",
                       dir);
    rc = control_connect(dir, &fd, NULL);
    if (fd >= 0)
        close(fd);
    return rc == 0 || rc == ERR_FULL
               ? err_set(err, ERR_EXISTS, "%s/" CONTROL_SOCKET ": another crawl is running in this folder",
                         dir)
               : 0;
}

static int socket_bind(struct listening *l, const char *dir)
{
    struct sockaddr_un at;

    control_address(l->dirfd, dir, SOCKET_NEW, &at);
    if (unlinkat(l->dirfd, SOCKET_NEW, 0) < 0 && errno != ENOENT)
        return -1;
    if (fchmod(l->fd, MODE) < 0 || bind(l->fd, (struct sockaddr *)&at, sizeof at) < 0)
        return -1;
    return fchmodat(l->dirfd, SOCKET_NEW, MODE, 0) < 0 ||
                   listen(l->fd, BACKLOG) < 0 || /* whatever the umask took */
                   renameat(l->dirfd, SOCKET_NEW, l->dirfd, CONTROL_SOCKET) < 0 ||
                   fstatat(l->dirfd, CONTROL_SOCKET, &l->st, AT_SYMLINK_NOFOLLOW) < 0
               ? -1
               : 0;
}

int listening_open(struct listening *l, const char *dir, struct err *err)
{
    int rc;

    *l = (struct listening){ .fd = -1, .dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) };
    if (l->dirfd < 0)
        return err_set(err, ERR_IO, "%s: %s", dir, strerror(errno));
    rc = place_check(l, dir, err);
    if (rc == 0) {
        l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (l->fd < 0 || socket_bind(l, dir) < 0)
            rc = err_set(err, ERR_IO, "%s/" CONTROL_SOCKET ": cannot be made: %s", dir, strerror(errno));
    }
    if (rc < 0)
        listening_close(l);
    return rc;
}

void listening_close(struct listening *l)
{
    struct stat st;

    if (l->dirfd >= 0 && l->st.st_ino && fstatat(l->dirfd, CONTROL_SOCKET, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        st.st_ino == l->st.st_ino && st.st_dev == l->st.st_dev) /* else another one's by now */
        unlinkat(l->dirfd, CONTROL_SOCKET, 0);
    if (l->fd >= 0)
        close(l->fd);
    if (l->dirfd >= 0)
        close(l->dirfd);
    *l = (struct listening){ .fd = -1, .dirfd = -1 };
}
