/* ctl_print: what a crawl answered, for people. */
#ifndef TROMMEL_COMMAND_CTL_PRINT_H
#define TROMMEL_COMMAND_CTL_PRINT_H
#include <jansson.h>
#include <stdio.h>

/* Prints the result of `cmd` ("stage.add").  What is missing in it is left out; a command without a form of
 * its own is printed as JSON. */
void ctl_print(FILE *f, const char *cmd, const json_t *result);
#endif
