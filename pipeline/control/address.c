/* address: see address.h. */
#include "control/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/control.h"

void control_address(int dirfd, const char *dir, const char *name, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    int n = snprintf(ret->sun_path, sizeof ret->sun_path, "%s/%s", dir, name);

    if (n < 0 || (size_t)n >= sizeof ret->sun_path)
        snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/%s", dirfd, name);
}

/* What connect(2) said, in the operator's words. */
static int connect_error(const char *dir, int error, struct err *err)
{
    switch (error) {
    case ENOENT:
        return err_set(
            err, ERR_ABSENT,
            "no crawl is running in %s: start it with `trommel crawl --job %s`, or name another folder "
            "with --job",
            dir, dir);
    case ECONNREFUSED:
        return err_set(err, ERR_ABSENT,
                       "no crawl is running in %s: the last one was killed; `trommel crawl --job %s` goes on "
                       "where it was",
                       dir, dir);
    case EACCES:
    case EPERM:
        return err_set(
            err, ERR_REFUSED,
            "%s/" CONTROL_SOCKET ": only the user whose crawl it is may control it: become that user", dir);
    case EAGAIN:
        return err_set(err, ERR_FULL, "%s/" CONTROL_SOCKET ": too many clients at once: come again", dir);
    default:
        return err_set(err, ERR_IO, "%s/" CONTROL_SOCKET ": cannot connect: %s", dir, strerror(error));
    }
}

static int folder_error(const char *dir, int error, struct err *err)
{
    if (error == ENOENT)
        return err_set(err, ERR_ABSENT,
                       "no crawl is running in %s: there is no such folder; name the job's with --job", dir);
    if (error == ENOTDIR)
        return err_set(err, ERR_ABSENT,
                       "no crawl is running in %s: that is no folder; name the job's with --job", dir);
    return connect_error(dir, error, err);
}

int control_connect(const char *dir, int *ret_fd, struct err *err)
{
    struct sockaddr_un at;
    int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), rc = 0;

    *ret_fd = -1;
    if (dirfd < 0)
        return folder_error(dir, errno, err);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    control_address(dirfd, dir, CONTROL_SOCKET, &at);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        rc = connect_error(dir, errno, err);
    close(dirfd);
    if (rc == 0)
        *ret_fd = fd;
    else if (fd >= 0)
        close(fd);
    return rc;
}
