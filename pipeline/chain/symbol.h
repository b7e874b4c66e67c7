/* symbol: names the functions of a shared object by its symbol table.  Internal to chain/; in the host.
 *
 * .symtab knows static functions too; a file that was stripped of it has only .dynsym, what it exports.
 * Reads a file that may be hostile: everything is bounded, what makes no sense names nothing. */
#ifndef TROMMEL_CHAIN_SYMBOL_H
#define TROMMEL_CHAIN_SYMBOL_H
#include <stddef.h>
#include <stdint.h>

enum { SYMBOL_NAME_BYTES = 96 };
struct symbol {
    uint64_t at;                  /* to be named: distance from where the file is loaded */
    uint64_t offset;              /* found: `at` is so far behind the function's beginning */
    char name[SYMBOL_NAME_BYTES]; /* found: printable ASCII, cut at its end; else empty */
};
/* Names what it can of n places in one file; returns how many, or ERR_* if the file cannot be read. */
int symbols_find(const char *path, struct symbol *syms, size_t n);
/* Copies text that is NUL-ended or `max` bytes long: printable ASCII, anything else becomes '?'. */
void symbol_text(char *to, size_t room, const char *from, size_t max);
#endif
