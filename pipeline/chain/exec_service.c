/* exec_service: what the stage `exec` asks of the host, inside a worker; see plugin/stage/exec/exec.h. */
#include <string.h>

#include "chain/load.h"
#include "chain/proto.h"
#include "plugin/stage/exec/exec.h"

static const struct stage *caller(const trommel_ctx *c)
{
    return &c->chain->stages[c->index];
}

static int32_t channel(trommel_ctx *c, exec_channel *ret)
{
    const struct stage *s = caller(c);

    if (s->channel < 0)
        return TROMMEL_E_ABSENT;
    *ret = (exec_channel){ s->channel, s->channel + 1, s->d.id };
    return TROMMEL_OK;
}

static void lost(trommel_ctx *c, uint32_t how, uint32_t is_begun, const char *msg, size_t n)
{
    const struct stage *s = caller(c);

    if (c->chain->lost && s->channel >= 0)
        c->chain->lost(c->chain->lost_arg, (uint32_t)(s->channel - PROTO_FD_END) / 2, how, is_begun, msg, n);
}

static int32_t reason(trommel_ctx *c, trommel_str text)
{
    if (!text.n || text.n >= sizeof c->own_reason)
        return TROMMEL_E_INVALID;
    for (size_t i = 0; i < text.n; i++)
        if (!(text.p[i] >= 'a' && text.p[i] <= 'z') && !(text.p[i] >= '0' && text.p[i] <= '9') &&
            text.p[i] != '_')
            return TROMMEL_E_INVALID;
    memcpy(c->own_reason, text.p, text.n);
    c->own_reason[text.n] = 0;
    return TROMMEL_OK;
}

const exec_service chain_exec_service = {
    .struct_size = sizeof(exec_service), .channel = channel, .lost = lost, .reason = reason
};
