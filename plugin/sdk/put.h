/* put: plain values into the record, for stage authors.
 *
 * Each returns what the host's put or put_extra returns: TROMMEL_OK, or TROMMEL_E_* (E_INVALID: no UTF-8, or
 * a stage without TROMMEL_F_EXTRAS; E_LIMIT: over a cap).  What is handed over is copied.
 *
 * Licence: SPDX-License-Identifier: MIT */
#ifndef TROMMEL_SDK_PUT_H
#define TROMMEL_SDK_PUT_H
#include "dom.h"

SDK_INLINE trommel_val sdk_val_str(trommel_str s)
{
    trommel_val v;

    memset(&v, 0, sizeof v);
    v.type = TROMMEL_T_STR;
    v.n = s.n;
    v.u.p = s.p;
    return v;
}

SDK_INLINE trommel_val sdk_val_i64(int64_t i)
{
    trommel_val v;

    memset(&v, 0, sizeof v);
    v.type = TROMMEL_T_I64;
    v.u.i = i;
    return v;
}

SDK_INLINE trommel_val sdk_val_f64(double f)
{
    trommel_val v;

    memset(&v, 0, sizeof v);
    v.type = TROMMEL_T_F64;
    v.u.d = f;
    return v;
}

/* provides[provide], by index. */
SDK_INLINE int32_t sdk_put_str(const trommel_host *host, trommel_page *page, uint32_t provide, trommel_str s)
{
    trommel_val v = sdk_val_str(s);

    return host->put(page, provide, &v);
}

SDK_INLINE int32_t sdk_put_i64(const trommel_host *host, trommel_page *page, uint32_t provide, int64_t i)
{
    trommel_val v = sdk_val_i64(i);

    return host->put(page, provide, &v);
}

/* x.<stage id>.<key> */
SDK_INLINE int32_t sdk_extra_str(const trommel_host *host, trommel_page *page, const char *key, trommel_str s)
{
    trommel_val v = sdk_val_str(s);

    return host->put_extra(page, sdk_str(key, strlen(key)), &v);
}

SDK_INLINE int32_t sdk_extra_i64(const trommel_host *host, trommel_page *page, const char *key, int64_t i)
{
    trommel_val v = sdk_val_i64(i);

    return host->put_extra(page, sdk_str(key, strlen(key)), &v);
}

SDK_INLINE int32_t sdk_extra_f64(const trommel_host *host, trommel_page *page, const char *key, double f)
{
    trommel_val v = sdk_val_f64(f);

    return host->put_extra(page, sdk_str(key, strlen(key)), &v);
}
#endif
