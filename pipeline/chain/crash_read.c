/* crash_read: the host's side of crash.h: a report, hostile until it is copied and bounded, as lines for
 * people. */
#include <stdio.h>
#include <string.h>

#include "chain/crash.h"
#include "chain/symbol.h"

/* A copy with everything within its bounds. */
static int report_copy(const volatile void *where, int signal, struct crash_report *ret)
{
    struct crash_report raw;

    memcpy(&raw, (const void *)(uintptr_t)where, sizeof raw);
    if (!signal || raw.signal != (uint32_t)signal)
        return 0;
    *ret = (struct crash_report){ .signal = raw.signal, .address = raw.address, .error = raw.error };
    ret->n_frames = raw.n_frames < CRASH_FRAMES ? raw.n_frames : CRASH_FRAMES;
    for (unsigned i = 0; i < ret->n_frames; i++) {
        struct crash_frame *to = &ret->frames[i];
        to->offset = raw.frames[i].offset;
        to->symbol_offset = raw.frames[i].symbol_offset;
        symbol_text(to->module, sizeof to->module, raw.frames[i].module, CRASH_MODULE_BYTES);
        symbol_text(to->symbol, sizeof to->symbol, raw.frames[i].symbol, CRASH_SYMBOL_BYTES);
    }
    return 1;
}

static int is_in(const struct crash_frame *f, const char *path)
{
    char raw[CRASH_MODULE_BYTES], name[CRASH_MODULE_BYTES];

    crash_module(raw, path);
    symbol_text(name, sizeof name, raw, sizeof raw);
    return name[0] && !strcmp(f->module, name);
}

/* Names the frames that lie in the file.  All but the innermost are addresses to return to: the call is just
 * before, and may be the last thing in its function. */
static void frames_name(struct crash_report *r, const char *path)
{
    struct symbol syms[CRASH_FRAMES] = { 0 };
    unsigned frame[CRASH_FRAMES], n = 0;

    for (unsigned i = 0; i < r->n_frames; i++)
        if (is_in(&r->frames[i], path)) {
            syms[n].at = r->frames[i].offset - (i > 0 && r->frames[i].offset);
            frame[n++] = i;
        }
    if (!n || symbols_find(path, syms, n) <= 0)
        return;
    for (unsigned i = 0; i < n; i++) {
        struct crash_frame *f = &r->frames[frame[i]];
        if (!syms[i].name[0])
            continue;
        symbol_text(f->symbol, sizeof f->symbol, syms[i].name, sizeof syms[i].name);
        f->symbol_offset = syms[i].offset + (f->offset - syms[i].at);
    }
}

static void frame_line(const struct crash_frame *f, char line[CRASH_LINE_BYTES])
{
    if (!f->module[0])
        snprintf(line, CRASH_LINE_BYTES, "0x%llx", (unsigned long long)f->offset);
    else if (!f->symbol[0])
        snprintf(line, CRASH_LINE_BYTES, "%s+0x%llx", f->module, (unsigned long long)f->offset);
    else
        snprintf(line, CRASH_LINE_BYTES, "%s!%s+0x%llx", f->module, f->symbol,
                 (unsigned long long)f->symbol_offset);
}

/* The innermost frame that lies in one of these files; n_frames if there is none. */
static unsigned frame_find(const struct crash_report *r, const char *const *paths, size_t n)
{
    for (unsigned i = 0; i < r->n_frames; i++)
        for (size_t p = 0; p < n; p++)
            if (is_in(&r->frames[i], paths[p]))
                return i;
    return r->n_frames;
}

void crash_read(const volatile void *where, int signal, const char *const *paths, size_t n_paths,
                size_t n_chain, struct crash_trace *ret)
{
    struct crash_report r;

    ret->n = ret->at = 0;
    ret->address = 0;
    ret->error = 0;
    if (!report_copy(where, signal, &r))
        return;
    ret->address = r.address;
    ret->error = r.error;
    for (size_t i = 0; i < n_paths; i++)
        frames_name(&r, paths[i]);
    for (unsigned i = 0; i < r.n_frames; i++)
        frame_line(&r.frames[i], ret->lines[i]);
    ret->n = r.n_frames;
    ret->at = frame_find(&r, paths, n_chain);
    if (ret->at == ret->n)
        ret->at = frame_find(&r, paths, n_paths);
}
