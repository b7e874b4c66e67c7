/* elf_file: see elf_file.h. */
#include "chain/elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

int elf_file_of(struct elf_file *f, int fd)
{
    struct stat st;

    f->fd = fd;
    f->size = 0;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return ERR_REFUSED;
    f->size = (uint64_t)st.st_size;
    return 0;
}

int elf_file_open(struct elf_file *f, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc;

    f->fd = -1;
    if (fd < 0)
        return ERR_ABSENT;
    rc = elf_file_of(f, fd);
    if (rc)
        elf_file_close(f);
    return rc;
}

void elf_file_close(struct elf_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

int elf_file_read(const struct elf_file *f, void *to, size_t n, uint64_t at)
{
    if (at > f->size || n > f->size - at)
        return ERR_INVALID;
    while (n) {
        ssize_t got = pread(f->fd, to, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return ERR_INVALID;
        to = (char *)to + got;
        n -= (size_t)got;
        at += (uint64_t)got;
    }
    return 0;
}
