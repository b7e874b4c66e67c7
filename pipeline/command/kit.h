/* kit: what `trommel stage new` writes, held within the program: the headers for stage authors and the
 * templates.
 *
 * Made by kit_files.sh from plugin/include/trommel, plugin/sdk and plugin/sdk/template when the program is
 * built. */
#ifndef TROMMEL_COMMAND_KIT_H
#define TROMMEL_COMMAND_KIT_H

struct kit_file {
    const char *path; /* "include/trommel/stage.h"; of templates "c/Makefile", "cxx/…", "both/…".  @NAME@ in
                       * it and in the text of templates stands for the stage's name */
    const char *from, *end;
};
extern const struct kit_file kit_files[]; /* path NULL behind the last */
#endif
