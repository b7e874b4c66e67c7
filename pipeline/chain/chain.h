/* chain: which stages, in which order, with which options; loading, linking, running them.
 *
 * The configuration is read in the host and handed to the workers as it is.  Loading (dlopen) happens in
 * workers only; the host reads ELF notes, and asks a worker for descriptors. */
#ifndef TROMMEL_CHAIN_CHAIN_H
#define TROMMEL_CHAIN_CHAIN_H
#include <trommel/stage.h>

#include "base/buf.h"
#include "base/err.h"

struct chain_set {
    char *stage, *option, *value; /* NUL-terminated, owned */
    char *dir;   /* where relative paths in the value are meant from; NULL: the current folder */
    size_t item; /* set beside an item of the file: its index + 1 and stage is its ref; 0: stage is an id */
    int soft;    /* kept from a stage that was replaced: left out where there is no such stage or option */
};
/* One stage of the chain: `ref` is a bundled stage's name or the path of a .so. */
struct chain_item {
    char *ref;
    char *path; /* found file, absolute */
};
struct chain_config {
    struct chain_item *items;
    struct chain_set *sets; /* later ones win */
    size_t n_items, n_sets;
    int is_none; /* nothing is run on a page, not even the parse; there are no items then */
};

/* The default chain: layout, boilerplate, metadata, dedupe. */
int chain_config_default(struct chain_config *c, struct err *err);
/* Reads `chain:` of a YAML file (others of its keys are the job's):
 *     chain:
 *       - layout
 *       - stage: boilerplate
 *         set: {model: FILE}
 *       - ./price.so                     # relative to the file
 * `chain: []` is the empty chain: parsed, links collected; `chain: none` runs nothing at all, so that a record has
 * but what is known of the page beforehand; `chain: default` the default one.
 * Errors name file, line, column, key and the mend.  A file without `chain:` gives the default chain. */
int chain_config_read(const char *path, struct chain_config *c, struct err *err);
/* As on a command line: "none", "default", or names and paths parted by commas.  *c is empty before. */
int chain_config_named(struct chain_config *c, const char *text, struct err *err);
/* Adds one "STAGE.OPTION=VALUE" (as of --set).  The stage's id may hold dots: the last dot before "="
 * parts it from the option. */
int chain_config_set(struct chain_config *c, const char *assignment, struct err *err);
/* Adds a stage behind those that are there: a bundled one's name, or a path (it has a slash or ends in .so).  "none",
 * alone: the chain that runs nothing. */
int chain_config_add(struct chain_config *c, const char *ref, struct err *err);
/* Sets an option of the last stage ("option=value"), whatever its id is. */
int chain_config_set_last(struct chain_config *c, const char *assignment, struct err *err);
/* Finds the files: bundled names in stage_dir, which NULL takes from the program's place. */
int chain_config_find(struct chain_config *c, const char *stage_dir, struct err *err);
int chain_ref_is_path(const char *ref); /* else it is a bundled stage's name */
/* In a message, files go by the names that people gave them: every `path` in text becomes its `ref`. */
void chain_config_names(const struct chain_config *c, char *text, size_t size);
void chain_config_release(struct chain_config *c); /* NULL-safe */

/* Judges a file by its ELF note, without running any of it.  `type`: TROMMEL_NOTE_STAGE or _SINK.  The
 * message names file, field, both values and the mend. */
int note_judge(const char *path, uint32_t type, struct trommel_note *ret, struct err *err);
/* The same of a file that is open; `path` is for the message. */
int note_judge_fd(int fd, const char *path, uint32_t type, struct trommel_note *ret, struct err *err);
/* Checks and parses one option's text by its row; val->u.p of strings borrows `text`. */
int option_parse(const trommel_opt *row, const char *text, trommel_val *val, struct err *err);
#endif
