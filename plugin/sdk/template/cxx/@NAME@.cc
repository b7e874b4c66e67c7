// @ID@: counts the page's headings and puts the number under x.@ID@.
//
// What a stage may do, and when, is said in include/trommel/stage.h.  Change count() first.
//
// C++20, for the designated initialisers at the end.  With C++17 write TROMMEL_STAGE_NOTE(0); there, and define
// trommel_stage_entry(major, index): it fills a static trommel_stage (struct_size, abi_major, abi_minor and the
// three strides as TROMMEL_STAGE_HEAD and TROMMEL_STAGE_SIZES do) and gives its address, or nullptr for another
// major or an index above 0.
#include <trommel/names.h> // TROMMEL_TAG_*
#include <trommel/stage.h>

#include <new>
#include <string_view>

namespace {

enum : uint32_t { OPT_LEVELS };
const trommel_opt opts[] = {
    // An option, as in `trommel stage run @NAME@.so PAGE --set levels=2`
    { .key = "levels", .type = TROMMEL_T_I64, .flags = 0, .dflt = "6",
      .help = "Headings down to this level are counted.", .choices = nullptr, .min = 1, .max = 6,
      .unit = nullptr },
};

class Stage {
public:
    Stage(const trommel_host *host, uint32_t levels) : host_(host), levels_(levels) {}

    uint32_t process(trommel_page *page) const
    {
        const int64_t headings = count(*host_->dom(page));
        return put(page, "headings", headings) ? TROMMEL_CONTINUE : TROMMEL_ERROR;
    }

private:
    int64_t count(const trommel_dom &dom) const
    {
        int64_t n = 0;
        for (uint32_t i = 0; i < dom.n_nodes; i++) {
            const trommel_node *node = TROMMEL_NODE(&dom, i);
            if (node->kind == TROMMEL_NODE_ELEMENT && node->tag >= TROMMEL_TAG_H1 &&
                node->tag < TROMMEL_TAG_H1 + levels_)
                n++;
        }
        return n;
    }

    // False: there is no room for it in the record.
    bool put(trommel_page *page, std::string_view key, int64_t value) const
    {
        trommel_val val = {};
        val.type = TROMMEL_T_I64;
        val.u.i = value;
        return host_->put_extra(page, { key.data(), key.size() }, &val) == TROMMEL_OK;
    }

    const trommel_host *host_;
    uint32_t levels_;
};

// ---- what the pipeline calls: no exception may leave these -----------------------------------------

// Once a process, before pages come.
int32_t configure(const trommel_host *host, trommel_ctx *ctx, void **ret_self)
{
    trommel_val levels;
    if (host->opt(ctx, OPT_LEVELS, &levels) != TROMMEL_OK)
        return TROMMEL_E_INVALID;
    *ret_self = new (std::nothrow) Stage(host, static_cast<uint32_t>(levels.u.i));
    return *ret_self ? TROMMEL_OK : TROMMEL_E_FAIL;
}

// Once a page.
uint32_t process(void *self, trommel_ctx *, trommel_page *page)
{
    try {
        return static_cast<const Stage *>(self)->process(page);
    } catch (...) {
        return TROMMEL_ERROR; // the page is put aside under this stage's name
    }
}

void close(void *self, trommel_ctx *)
{
    delete static_cast<Stage *>(self);
}

} // namespace

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .min_host_minor = 0,
    .id = "@ID@",
    .version = "0.1.0",
    .summary = "Counts the page's headings.",
    .license = "MIT",
    .flags = TROMMEL_F_PURE | TROMMEL_F_EXTRAS, // the same page gives the same; it writes under x.@ID@
    TROMMEL_STAGE_SIZES,
    .n_needs = 0,
    .n_provides = 0,
    .n_opts = TROMMEL_COUNT(opts),
    .n_metrics = 0,
    .n_reasons = 0,
    .rsv = 0,
    .needs = nullptr,
    .provides = nullptr,
    .opts = opts,
    .metrics = nullptr,
    .reasons = nullptr,
    .configure = configure,
    .process = process,
    .close = close,
};
