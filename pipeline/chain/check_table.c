/* check_table: what a file and its table say, beyond what loading insists on; see check_inner.h.
 *
 * The file is looked at as the loader mapped it. */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "chain/check_inner.h"

/* ---- the file ---- */

struct image {
    const char *path;
    int found, stack_flags, writable_code; /* stack_flags -1: the file says nothing about the stack */
    const ElfW(Dyn) * dynamic;
    ElfW(Addr) base;
};

static int image_find(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct image *im = arg;

    (void)size;
    if (!info->dlpi_name || strcmp(info->dlpi_name, im->path))
        return 0;
    im->found = 1;
    im->base = info->dlpi_addr;
    im->stack_flags = -1;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type == PT_DYNAMIC)
            im->dynamic = (const void *)(info->dlpi_addr + ph->p_vaddr);
        if (ph->p_type == PT_GNU_STACK)
            im->stack_flags = (int)ph->p_flags;
        if (ph->p_type == PT_LOAD && (ph->p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
            im->writable_code = 1;
    }
    return 1;
}

static const ElfW(Dyn) * dynamic_entry(const struct image *im, ElfW(Sxword) tag)
{
    for (const ElfW(Dyn) *d = im->dynamic; d && d->d_tag != DT_NULL; d++)
        if (d->d_tag == tag)
            return d;
    return NULL;
}

/* Addresses there are absolute once the loader was at them; on some machines they are not. */
static const void *dynamic_at(const struct image *im, ElfW(Sxword) tag)
{
    const ElfW(Dyn) *d = dynamic_entry(im, tag);

    if (!d)
        return NULL;
    return (const void *)(d->d_un.d_ptr < im->base ? im->base + d->d_un.d_ptr : d->d_un.d_ptr);
}

/* Symbols from `first` on to the end of the last chain of the GNU hash table are those that are exported. */
static uint32_t gnu_hash_end(const uint32_t *hash, uint32_t *first)
{
    uint32_t buckets = hash[0], last = 0;
    const uint32_t *bucket = hash + 4 + hash[2] * (sizeof(ElfW(Addr)) / 4), *chain = bucket + buckets;

    *first = hash[1];
    for (uint32_t i = 0; i < buckets; i++)
        last = bucket[i] > last ? bucket[i] : last;
    if (last < *first)
        return *first;
    while (!(chain[last - *first] & 1))
        last++;
    return last + 1;
}

static int is_allowed(const char *name)
{
    /* what a sanitizer's compiler adds is not the author's */
    return !strcmp(name, "trommel_stage_entry") || strstr(name, "asan") || strstr(name, "ubsan");
}

static void exports_judge(const struct rig *r, const struct image *im)
{
    const uint32_t *hash = dynamic_at(im, DT_GNU_HASH);
    const ElfW(Sym) *syms = dynamic_at(im, DT_SYMTAB);
    const char *strs = dynamic_at(im, DT_STRTAB), *other = NULL;
    uint32_t first, end;
    unsigned n = 0;

    if (!hash || !syms || !strs)
        return;
    end = gnu_hash_end(hash, &first);
    for (uint32_t i = first; i < end; i++) {
        const char *name = strs + syms[i].st_name;
        if (syms[i].st_shndx == SHN_UNDEF || is_allowed(name))
            continue;
        other = other ? other : name;
        n++;
    }
    if (n)
        check_fail(r->k,
                   "the file exports %u symbols beside trommel_stage_entry (%.100s …), which may meet those "
                   "of other "
                   "stages: build it with -fvisibility=hidden, or link it with a version script",
                   n, other);
}

static void image_judge(const struct rig *r)
{
    struct image im = { .path = r->stage->path };
    const ElfW(Dyn) * flags;

    dl_iterate_phdr(image_find, &im);
    if (!im.found)
        return;
    flags = dynamic_entry(&im, DT_FLAGS);
    if (dynamic_entry(&im, DT_TEXTREL) || (flags && (flags->d_un.d_val & DF_TEXTREL)))
        check_fail(r->k, "the file has relocations in its code: build it with -fPIC");
    if (im.stack_flags < 0 || im.stack_flags & PF_X)
        check_fail(
            r->k, "the file makes the stack executable: link it with -Wl,-z,noexecstack, and look for nested "
                  "functions or assembly without .note.GNU-stack");
    if (im.writable_code)
        check_fail(r->k, "the file has memory that is both writable and executable");
    exports_judge(r, &im);
}

/* Of a major that does not exist, and past the last stage, there is none. */
static void entry_judge(const struct rig *r)
{
    const trommel_stage *(*entry)(uint32_t, uint32_t);
    void *dl = dlopen(r->stage->path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    size_t n = json_array_size(json_object_get(r->k->opt->described, "stages"));

    entry =
        dl ? (const trommel_stage *(*)(uint32_t, uint32_t))(uintptr_t)dlsym(dl, "trommel_stage_entry") : NULL;
    if (!entry)
        return;
    if (entry(TROMMEL_ABI_MAJOR + 1000, 0))
        check_fail(
            r->k,
            "trommel_stage_entry gives a stage for ABI major %u, which it cannot know: it must give NULL",
            TROMMEL_ABI_MAJOR + 1000);
    if (entry(TROMMEL_ABI_MAJOR, UINT32_MAX) || entry(TROMMEL_ABI_MAJOR, (uint32_t)n))
        check_fail(r->k, "trommel_stage_entry gives a stage past the last one: it must give NULL");
}

/* ---- the table ---- */

static void twice_judge(const struct rig *r, const char *list, const char *key)
{
    const json_t *rows = json_object_get(r->k->stage, list);
    size_t i, j;
    json_t *a, *b;

    json_array_foreach(rows, i, a) json_array_foreach(rows, j, b)
    {
        const char *x = json_string_value(key ? json_object_get(a, key) : a);
        const char *y = json_string_value(key ? json_object_get(b, key) : b);
        if (j > i && x && y && !strcmp(x, y))
            check_fail(r->k, "%s[%zu] and %s[%zu] are both `%s`", list, i, list, j, x);
    }
}

static void options_judge(const struct rig *r)
{
    for (unsigned i = 0; i < r->stage->d.n_opts; i++) {
        const trommel_opt *o = &r->stage->opts[i];
        if (o->min > o->max)
            check_fail(r->k, "option `%s`: min %g is above max %g", o->key, o->min, o->max);
        if (o->choices && o->type != TROMMEL_T_STR)
            check_fail(r->k, "option `%s`: choices are for STR", o->key);
        if ((o->flags & TROMMEL_OPT_PATH) && o->type != TROMMEL_T_STR)
            check_fail(r->k, "option `%s`: TROMMEL_OPT_PATH is for STR", o->key);
        if (o->dflt && (o->flags & TROMMEL_OPT_REQUIRED))
            check_fail(r->k, "option `%s` is required, and has a default", o->key);
        if (!o->help || !*o->help)
            check_note(r->k, "option `%s` has no help", o->key);
    }
}

static void metrics_judge(const struct rig *r)
{
    const json_t *rows = json_object_get(r->k->stage, "metrics");
    size_t i;
    json_t *m;

    json_array_foreach(rows, i, m)
    {
        const char *name = json_string_value(json_object_get(m, "name"));
        if (!name || !*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name))
            check_fail(r->k, "metrics[%zu].name is `%.80s`, it must be of a-z 0-9 _", i,
                       name ? name : "(NULL)");
        if (!strcmp(json_string_value(json_object_get(m, "kind")), "?"))
            check_fail(r->k, "metrics[%zu] (`%s`): its kind is none of TROMMEL_METRIC_*", i, name);
    }
}

static void head_judge(const struct rig *r)
{
    const json_t *note = json_object_get(r->k->opt->described, "note");
    const trommel_stage *d = &r->stage->d;
    uint32_t minor = (uint32_t)json_integer_value(json_object_get(note, "min_host_minor"));

    if (minor != d->min_host_minor)
        check_fail(
            r->k,
            "the note says min_host_minor %u, the table says %u: the note is read first, so they must agree",
            minor, d->min_host_minor);
    if (d->flags & ~(TROMMEL_F_PURE | TROMMEL_F_EXTRAS | TROMMEL_F_NETWORK))
        check_fail(r->k, "flags is 0x%x, of which this program knows 0x7 only", d->flags);
    if (!d->version || !*d->version)
        check_note(r->k, "it has no version: records cannot say which one made them");
    if (!d->summary || !*d->summary)
        check_note(r->k, "it has no summary");
    if (!d->license || !*d->license)
        check_note(r->k, "it does not say its licence");
}

void test_table(struct rig *r)
{
    head_judge(r);
    twice_judge(r, "needs", "name");
    twice_judge(r, "provides", "name");
    twice_judge(r, "metrics", "name");
    twice_judge(r, "reasons", NULL);
    options_judge(r);
    metrics_judge(r);
    entry_judge(r);
    image_judge(r);
    check_say(r->k, "needs %u, provides %u, %u options, %u metrics, %u reasons; one symbol",
              r->stage->d.n_needs, r->stage->d.n_provides, r->stage->d.n_opts, r->stage->d.n_metrics,
              r->stage->d.n_reasons);
}
