/* other_major: a stage of another ABI, which its ELF note says.  Loading it would run its constructor.  For tests only. */
#include <stdlib.h>
#include <trommel/stage.h>

__attribute__((section(TROMMEL_NOTE_SECTION), used, aligned(4))) static const struct trommel_note note = {
    4, 16, TROMMEL_NOTE_STAGE, { 'T', 'R', 'M', 0 }, TROMMEL_ABI_MAJOR + 7, 0, 0, sizeof(void *) * 8
};

__attribute__((constructor)) static void loaded(void)
{
    abort();
}

TROMMEL_EXPORT const trommel_stage *trommel_stage_entry(uint32_t host_major, uint32_t index)
{
    return (void)host_major, (void)index, NULL;
}
