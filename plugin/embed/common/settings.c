/* settings: see settings.h. */
#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kind { TEXT, FILE_READ, SET, WORKERS };

static const struct option {
    const char *name, *value;
    enum kind kind;
    size_t at; /* of the char * in struct settings */
    const char *help;
} options[] = {
    { "out", "SINK", TEXT, offsetof(struct settings, out),
      "where the records go: DIR, kafka://HOST:PORT/TOPIC, nats://…, redis://…, stdout:, null:; it must be "
      "said" },
    { "chain", "FILE", FILE_READ, offsetof(struct settings, chain),
      "configuration with the chain of stages (default: the bundled chain)" },
    { "set", "STAGE.OPTION=VALUE", SET, 0, "sets a stage's option; repeatable" },
    { "workers", "N", WORKERS, 0, "worker processes (default: one a core)" },
    { "log", "FILE", TEXT, offsetof(struct settings, log),
      "gets the URL of every record that the sink has acknowledged, one a line" },
};
enum { N_OPTIONS = sizeof options / sizeof *options };

static const struct option *option_find(const char *name)
{
    for (int i = 0; i < N_OPTIONS; i++) {
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    }
    return NULL;
}

void settings_help(FILE *to, const char *before)
{
    for (int i = 0; i < N_OPTIONS; i++) {
        const struct option *o = &options[i];
        fprintf(to, "  %s%s=%s\n      %s\n", before, o->name, o->value, o->help);
    }
}

static const char *text_take(char **to, const char *value)
{
    free(*to);
    *to = strdup(value);
    return *to ? NULL : "there is no memory for it";
}

static const char *workers_take(struct settings *s, const char *value)
{
    char *end;
    unsigned long n = strtoul(value, &end, 10);

    if (*end || value[0] == '-' || n < 1 || n > WORKERS_MOST)
        return "is no number of 1 to 256";
    s->workers = (unsigned)n;
    return NULL;
}

static const char *set_take(struct settings *s, const char *value)
{
    const char *dot = strchr(value, '.'), *is = strchr(value, '=');

    if (!dot || !is || dot > is)
        return "is not STAGE.OPTION=VALUE";
    if (s->n_set == SETS_MOST)
        return "is one too many: 256 are taken";
    return text_take(&s->set[s->n_set++], value);
}

/* NULL, or what is wrong. */
static const char *value_take(struct settings *s, const struct option *o, const char *value)
{
    char **to = (char **)(void *)((char *)s + o->at);

    if (!value || !*value)
        return "needs a value";
    switch (o->kind) {
    case FILE_READ:
        return access(value, R_OK) == 0 ? text_take(to, value) : strerror(errno);
    case SET:
        return set_take(s, value);
    case WORKERS:
        return workers_take(s, value);
    default:
        return text_take(to, value);
    }
}

int settings_take(struct settings *s, const char *name, const char *value, char why[WHY_BYTES])
{
    const struct option *o = option_find(name);
    const char *wrong = o ? value_take(s, o, value) : "there is no such option; the option `help` lists them";

    if (wrong)
        snprintf(why, WHY_BYTES, "option %.200s%s%.800s: %s", name, value ? "=" : "", value ? value : "",
                 wrong);
    return wrong ? -1 : 0;
}
