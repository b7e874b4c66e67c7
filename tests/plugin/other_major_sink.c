/* other_major_sink: speaks a major of the contract that does not exist; must be refused before it is loaded.
 */
#include <stdlib.h>
#include <trommel/sink.h>

__attribute__((section(TROMMEL_NOTE_SECTION), used, aligned(4))) static const struct trommel_note note = {
    4, 16, TROMMEL_NOTE_SINK, { 'T', 'R', 'M', 0 }, TROMMEL_SINK_ABI_MAJOR + 7, 0, 0, sizeof(void *) * 8
};

__attribute__((constructor)) static void run(void)
{
    abort(); /* none of its code may run */
}

TROMMEL_EXPORT const trommel_sink *trommel_sink_entry(uint32_t host_major)
{
    (void)host_major;
    return NULL;
}
