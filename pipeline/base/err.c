/* err: see err.h. */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

const char *err_text(int code)
{
    switch (code) {
    case 0:
        return "no error";
#define X(n, name, text) case ERR_##name: return text;
        ERR_MAP(X)
#undef X
    }
    return "unknown error";
}

const char *err_name(int code)
{
    switch (code) {
    case 0:
        return "OK";
#define X(n, name, text) case ERR_##name: return #name;
        ERR_MAP(X)
#undef X
    }
    return "UNKNOWN";
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        err->code = code;
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    return code;
}

void err_prefix(struct err *err, const char *fmt, ...)
{
    char old[sizeof err->text];
    va_list ap;

    if (!err)
        return;
    memcpy(old, err->text, sizeof old);
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n + 3 < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %.*s", (int)(sizeof old - (size_t)n - 3), old);
}
