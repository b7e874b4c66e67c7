/* note: judges a shared object by its ELF note, before any of its code runs; see chain.h.
 *
 * The file is hostile until judged: every field is read with pread, bounded, and nothing is mapped.
 * What a good note cannot promise (that the code does what it says) is the sandbox's business. */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <trommel/sink.h>

#include "chain/chain.h"
#include "chain/elf_file.h"

enum { PHDRS_MAX = 256, NOTE_SEGMENT_MAX = 64 * 1024, NOTES_MAX = 64 };

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#elif defined(__riscv)
#define OWN_MACHINE EM_RISCV
#else
#error "add this machine's ELF number"
#endif

struct judge {
    const char *path;
    struct elf_file file;
    uint32_t type; /* wanted */
    struct trommel_note note;
    int found, other; /* the wanted note; one of ours of another type */
    struct err *err;
};

static int read_at(const struct judge *j, void *to, size_t n, uint64_t at)
{
    return elf_file_read(&j->file, to, n, at);
}

static const char *what(uint32_t type)
{
    return type == TROMMEL_NOTE_STAGE ? "stage" : type == TROMMEL_NOTE_SINK ? "sink" : "unknown kind";
}

static const char *machine_name(unsigned m, char out[32])
{
    static const struct {
        unsigned id;
        const char *name;
    } names[] = {
        { EM_X86_64, "x86-64" }, { EM_AARCH64, "aarch64" }, { EM_RISCV, "riscv" }, { EM_386, "i386" },
        { EM_ARM, "arm" },       { EM_PPC64, "ppc64" },     { EM_S390, "s390" },
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].id == m)
            return names[i].name;
    snprintf(out, 32, "ELF machine %u", m);
    return out;
}

static int judge_header(struct judge *j, Elf64_Ehdr *eh)
{
    char a[32], b[32];

    memset(eh, 0, sizeof *eh);
    if (read_at(j, eh->e_ident, EI_NIDENT, 0) || memcmp(eh->e_ident, ELFMAG, SELFMAG))
        return err_set(
            j->err, ERR_REFUSED,
            "%s: not a shared object (it does not begin with the ELF magic): build it with cc -shared",
            j->path);
    if (eh->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
        return err_set(j->err, ERR_REFUSED,
                       "%s: ELF class is %s, this program's is %u-bit: build it for this machine", j->path,
                       eh->e_ident[EI_CLASS] == ELFCLASS32   ? "32-bit"
                       : eh->e_ident[EI_CLASS] == ELFCLASS64 ? "64-bit"
                                                             : "invalid",
                       (unsigned)sizeof(void *) * 8);
    if (eh->e_ident[EI_DATA] != ELF_OWN_DATA)
        return err_set(j->err, ERR_REFUSED,
                       "%s: ELF byte order is %u, this program's is %u: build it for this machine", j->path,
                       eh->e_ident[EI_DATA], ELF_OWN_DATA);
    if (read_at(j, eh, sizeof *eh, 0))
        return err_set(j->err, ERR_REFUSED, "%s: cut off within its ELF header: build it again", j->path);
    if (eh->e_machine != OWN_MACHINE)
        return err_set(j->err, ERR_REFUSED,
                       "%s: ELF machine is %s, this program's is %s: build it for this machine", j->path,
                       machine_name(eh->e_machine, a), machine_name(OWN_MACHINE, b));
    if (eh->e_type != ET_DYN)
        return err_set(j->err, ERR_REFUSED,
                       "%s: ELF type is %u, a shared object's is %u: build it with cc -shared", j->path,
                       eh->e_type, ET_DYN);
    if (eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phnum > PHDRS_MAX)
        return err_set(j->err, ERR_REFUSED,
                       "%s: %u ELF program headers of %u bytes, at most %u of %u are taken: "
                       "build it again",
                       j->path, eh->e_phnum, eh->e_phentsize, PHDRS_MAX, (unsigned)sizeof(Elf64_Phdr));
    return 0;
}

static void take_note(struct judge *j, const unsigned char *name, uint32_t namesz, const unsigned char *desc,
                      uint32_t descsz, uint32_t type)
{
    if (namesz != 4 || memcmp(name, "TRM", 4) || descsz < 16 || j->found)
        return;
    if (type != j->type) {
        j->other = (int)(type & 0x7fffffff);
        return;
    }
    j->note = (struct trommel_note){ namesz, descsz, type, { 'T', 'R', 'M', 0 }, 0, 0, 0, 0 };
    memcpy(&j->note.major, desc, 4);
    memcpy(&j->note.minor, desc + 4, 4);
    memcpy(&j->note.min_host_minor, desc + 8, 4);
    memcpy(&j->note.ptr_bits, desc + 12, 4);
    j->found = 1;
}

/* Walks one note segment held in memory. */
static void walk_notes(struct judge *j, const unsigned char *p, size_t n, size_t align)
{
    size_t at = 0;

    for (int i = 0; i < NOTES_MAX && n - at >= 12; i++) {
        uint32_t h[3];
        size_t name_end, desc_at, desc_end;
        memcpy(h, p + at, 12);
        if (h[0] > n - at - 12)
            return;
        name_end = at + 12 + h[0];
        desc_at = (name_end + align - 1) & ~(align - 1);
        if (desc_at > n || h[1] > n - desc_at)
            return;
        desc_end = desc_at + h[1];
        take_note(j, p + at + 12, h[0], p + desc_at, h[1], h[2]);
        at = (desc_end + align - 1) & ~(align - 1);
        if (at > n)
            return;
    }
}

static int find_note(struct judge *j, const Elf64_Ehdr *eh)
{
    static _Thread_local unsigned char segment[NOTE_SEGMENT_MAX];
    Elf64_Phdr ph;

    for (unsigned i = 0; i < eh->e_phnum && !j->found; i++) {
        if (eh->e_phoff > j->file.size || read_at(j, &ph, sizeof ph, eh->e_phoff + (uint64_t)i * sizeof ph))
            return err_set(j->err, ERR_REFUSED, "%s: cut off within its ELF program headers: build it again",
                           j->path);
        if (ph.p_type != PT_NOTE || ph.p_filesz > sizeof segment)
            continue;
        if (read_at(j, segment, ph.p_filesz, ph.p_offset))
            return err_set(j->err, ERR_REFUSED, "%s: cut off within its ELF notes: build it again", j->path);
        walk_notes(j, segment, ph.p_filesz, ph.p_align == 8 ? 8 : 4);
    }
    if (!j->found && j->other)
        return err_set(j->err, ERR_REFUSED,
                       "%s: is a %s (note type %d), a %s (note type %u) is wanted here: "
                       "name another file",
                       j->path, what((uint32_t)j->other), j->other, what(j->type), j->type);
    if (!j->found)
        return err_set(j->err, ERR_REFUSED,
                       "%s: no Trommel %s: it has no ELF note TRM of type %u; define the %s "
                       "with TROMMEL_%s of <trommel/%s.h>",
                       j->path, what(j->type), j->type, what(j->type),
                       j->type == TROMMEL_NOTE_SINK ? "SINK" : "STAGE", what(j->type));
    return 0;
}

static int judge_versions(struct judge *j)
{
    uint32_t major = j->type == TROMMEL_NOTE_SINK ? TROMMEL_SINK_ABI_MAJOR : TROMMEL_ABI_MAJOR;
    uint32_t minor = j->type == TROMMEL_NOTE_SINK ? TROMMEL_SINK_ABI_MINOR : TROMMEL_ABI_MINOR;

    if (j->note.major != major)
        return err_set(j->err, ERR_REFUSED,
                       "%s: abi_major is %u, this program's is %u: build it against this "
                       "program's headers",
                       j->path, j->note.major, major);
    if (j->note.min_host_minor > minor)
        return err_set(j->err, ERR_REFUSED,
                       "%s: min_host_minor is %u, this program's abi_minor is %u: update this "
                       "program, or build the %s for an older one",
                       j->path, j->note.min_host_minor, minor, what(j->type));
    if (j->note.ptr_bits != sizeof(void *) * 8)
        return err_set(j->err, ERR_REFUSED,
                       "%s: ptr_bits is %u, this program's is %u: build it for this machine", j->path,
                       j->note.ptr_bits, (unsigned)sizeof(void *) * 8);
    return 0;
}

int note_judge_fd(int fd, const char *path, uint32_t type, struct trommel_note *ret, struct err *err)
{
    struct judge j = { .path = path, .type = type, .err = err };
    Elf64_Ehdr eh;
    int rc;

    if (elf_file_of(&j.file, fd))
        return err_set(err, ERR_REFUSED, "%s: not a file: name the .so itself", path);
    rc = judge_header(&j, &eh);
    if (!rc)
        rc = find_note(&j, &eh);
    if (!rc)
        rc = judge_versions(&j);
    if (!rc && ret)
        *ret = j.note;
    return rc;
}

int note_judge(const char *path, uint32_t type, struct trommel_note *ret, struct err *err)
{
    struct elf_file f;
    int rc = elf_file_open(&f, path);

    if (rc == ERR_ABSENT)
        return err_set(err, ERR_ABSENT, "%s: cannot be opened: %s", path, strerror(errno));
    rc = note_judge_fd(f.fd, path, type, ret, err); /* also says that it is no file */
    elf_file_close(&f);
    return rc;
}
