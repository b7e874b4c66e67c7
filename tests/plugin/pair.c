/* pair: two stages in one file, each with an option of the same name.  For tests only. */
#include <trommel/stage.h>

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx, (void)page;
    return TROMMEL_CONTINUE;
}

static const trommel_opt opts[] = { { .key = "n", .type = TROMMEL_T_I64, .dflt = "1", .min = 1, .max = 9 } };

#define ROW(name) { TROMMEL_STAGE_HEAD, .id = name, .opts = opts, .n_opts = 1, .process = process }
static const trommel_stage stages[] = { ROW("pair.one"), ROW("pair.two") };

TROMMEL_STAGE_NOTE(0);
const trommel_stage *trommel_stage_entry(uint32_t host_major, uint32_t index)
{
    return host_major == TROMMEL_ABI_MAJOR && index < TROMMEL_COUNT(stages) ? &stages[index] : NULL;
}
