/* elf_file: reads parts of a shared object that may be hostile: bounded, with pread, nothing is mapped.
 * Internal to chain/. */
#ifndef TROMMEL_CHAIN_ELF_FILE_H
#define TROMMEL_CHAIN_ELF_FILE_H
#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ELF_OWN_DATA ELFDATA2LSB
#else
#define ELF_OWN_DATA ELFDATA2MSB
#endif

struct elf_file {
    int fd;
    uint64_t size;
};
/* 0; ERR_ABSENT with errno: cannot be opened; ERR_REFUSED: no regular file.  Never waits (a FIFO). */
int elf_file_open(struct elf_file *f, const char *path);
/* One that is open, and stays the caller's to close.  0, ERR_REFUSED. */
int elf_file_of(struct elf_file *f, int fd);
void elf_file_close(struct elf_file *f);
/* All n bytes at `at`, or ERR_INVALID. */
int elf_file_read(const struct elf_file *f, void *to, size_t n, uint64_t at);
#endif
