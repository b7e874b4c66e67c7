/* sandbox_say: what the host says about sandboxes of workers; see sandbox.h. */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "chain/sandbox.h"
#include "chain/slot.h"

static const struct {
    const char *text, *mend;
} acts[SANDBOX_ACTS] = {
#define X(name, text, mend) { text, mend },
    SANDBOX_ACT_MAP(X)
#undef X
};

static void text_read(char *text, size_t size)
{
    char raw[sizeof((struct sandbox_note *)0)->path];
    size_t n = strnlen(text, size - 1);

    memcpy(raw, text, n);
    make_printable(text, raw, n);
}

void sandbox_note_read(const volatile void *where, struct sandbox_note *ret)
{
    memcpy(ret, (const void *)(uintptr_t)where, sizeof *ret);
    if (ret->act >= SANDBOX_ACTS)
        ret->act = SANDBOX_OTHER;
    text_read(ret->path, sizeof ret->path);
    text_read(ret->stage, sizeof ret->stage);
}

void sandbox_tell(const struct sandbox_note *note, char *to, size_t n)
{
    char *name;

    if (note->act == SANDBOX_NONE) {
        snprintf(
            to, n,
            "it made a system call that the sandbox forbids, and had seen to it that which one is not told "
            "(by blocking SIGSYS, or from 32-bit code): a stage leaves that alone");
        return;
    }
    name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, note->nr);
    snprintf(to, n, "it tried to %s (%s%s%s), which the sandbox forbids: %s", acts[note->act].text,
             name ? name : "of an unknown number", note->path[0] ? " " : "", note->path,
             acts[note->act].mend);
    free(name);
}

int sandbox_remark(unsigned state, const char *stage, char *to, size_t n)
{
    switch (state & 0xff) {
    case SANDBOX_OUT_ENV:
        snprintf(to, n, "workers run outside the sandbox: TROMMEL_SANDBOX=off is in the environment");
        return LOG_WARN;
    case SANDBOX_OUT_NETWORK:
        snprintf(to, n,
                 "workers run outside the sandbox, with all stages of the chain: `%s` declares that it needs "
                 "network "
                 "or files, and --allow-network-stages lets it",
                 stage);
        return LOG_WARN;
    case SANDBOX_OUT_BUILD:
        snprintf(to, n, "workers run outside the sandbox: this program was built with a sanitizer");
        return LOG_DEBUG;
    default:
        break;
    }
    if (!(state & SANDBOX_NO_LANDLOCK))
        return -1;
    snprintf(to, n, "this kernel has no Landlock: hostile stages could read what this user may read");
    return LOG_DEBUG;
}
