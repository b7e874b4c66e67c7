/* symbol: see symbol.h. */
#include "chain/symbol.h"

#include <elf.h>
#include <string.h>

#include "base/err.h"
#include "chain/elf_file.h"

enum { SECTIONS_MAX = 4096, SEGMENTS_MAX = 256, SYMBOLS_MAX = 1 << 20, SYMBOLS_READ = 256 };

struct table { /* of symbols */
    uint64_t at, n;
    uint64_t names_at, names_n;
};

void symbol_text(char *to, size_t room, const char *from, size_t max)
{
    size_t n = 0;

    for (; n + 1 < room && n < max && from[n]; n++)
        to[n] = from[n] > 0x20 && from[n] < 0x7f ? from[n] : '?';
    to[n] = 0;
}

static int header_read(const struct elf_file *f, Elf64_Ehdr *eh)
{
    if (elf_file_read(f, eh, sizeof *eh, 0) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
        eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELF_OWN_DATA ||
        eh->e_shentsize != sizeof(Elf64_Shdr) || eh->e_phentsize != sizeof(Elf64_Phdr))
        return ERR_INVALID;
    return 0;
}

static int section_read(const struct elf_file *f, const Elf64_Ehdr *eh, uint32_t i, Elf64_Shdr *sh)
{
    if (i >= eh->e_shnum || i >= SECTIONS_MAX || eh->e_shoff > f->size)
        return ERR_INVALID;
    return elf_file_read(f, sh, sizeof *sh, eh->e_shoff + (uint64_t)i * sizeof *sh);
}

static int table_find(const struct elf_file *f, const Elf64_Ehdr *eh, uint32_t type, struct table *ret)
{
    Elf64_Shdr sh, names;

    for (uint32_t i = 0; !section_read(f, eh, i, &sh); i++) {
        if (sh.sh_type != type || sh.sh_entsize != sizeof(Elf64_Sym))
            continue;
        if (section_read(f, eh, sh.sh_link, &names) || names.sh_type != SHT_STRTAB)
            return ERR_INVALID;
        *ret = (struct table){ sh.sh_offset, sh.sh_size / sizeof(Elf64_Sym), names.sh_offset, names.sh_size };
        return ret->n > SYMBOLS_MAX ? ERR_LIMIT : 0;
    }
    return ERR_ABSENT;
}

/* The address at which the file's first byte is meant to lie: 0 in a shared object. */
static uint64_t base_of(const struct elf_file *f, const Elf64_Ehdr *eh)
{
    uint64_t base = UINT64_MAX;
    Elf64_Phdr ph;

    for (unsigned i = 0; i < eh->e_phnum && i < SEGMENTS_MAX && eh->e_phoff <= f->size; i++)
        if (!elf_file_read(f, &ph, sizeof ph, eh->e_phoff + (uint64_t)i * sizeof ph) &&
            ph.p_type == PT_LOAD && ph.p_vaddr < base)
            base = ph.p_vaddr & ~(uint64_t)0xfff;
    return base == UINT64_MAX ? 0 : base;
}

static void name_read(const struct elf_file *f, const struct table *t, uint32_t at, char *to)
{
    char text[SYMBOL_NAME_BYTES];
    uint64_t n;

    if (at >= t->names_n)
        return;
    n = t->names_n - at < sizeof text ? t->names_n - at : sizeof text;
    if (t->names_at <= f->size && !elf_file_read(f, text, n, t->names_at + at))
        symbol_text(to, SYMBOL_NAME_BYTES, text, n);
}

static int symbol_holds(const Elf64_Sym *sym, uint64_t at)
{
    return ELF64_ST_TYPE(sym->st_info) == STT_FUNC && sym->st_shndx != SHN_UNDEF && at >= sym->st_value &&
           at - sym->st_value < sym->st_size;
}

/* One walk over the table for all places. */
static void table_walk(const struct elf_file *f, const struct table *t, uint64_t base, struct symbol *syms,
                       size_t n)
{
    Elf64_Sym some[SYMBOLS_READ];

    for (uint64_t i = 0; i < t->n; i += SYMBOLS_READ) {
        uint64_t k = t->n - i < SYMBOLS_READ ? t->n - i : SYMBOLS_READ;
        if (t->at > f->size || elf_file_read(f, some, k * sizeof *some, t->at + i * sizeof *some))
            return;
        for (uint64_t s = 0; s < k; s++)
            for (size_t j = 0; j < n; j++)
                if (!syms[j].name[0] && symbol_holds(&some[s], base + syms[j].at)) {
                    syms[j].offset = base + syms[j].at - some[s].st_value;
                    name_read(f, t, some[s].st_name, syms[j].name);
                }
    }
}

int symbols_find(const char *path, struct symbol *syms, size_t n)
{
    static const uint32_t types[] = { SHT_SYMTAB, SHT_DYNSYM };
    struct elf_file f;
    struct table t;
    Elf64_Ehdr eh;
    int found = 0, rc = elf_file_open(&f, path);

    for (size_t i = 0; i < n; i++)
        syms[i].name[0] = 0;
    if (rc)
        return rc;
    rc = header_read(&f, &eh);
    for (int i = 0; !rc && i < 2; i++)
        if (!table_find(&f, &eh, types[i], &t))
            table_walk(&f, &t, base_of(&f, &eh), syms, n);
    elf_file_close(&f);
    for (size_t i = 0; i < n; i++)
        found += syms[i].name[0] != 0;
    return rc ? rc : found;
}
