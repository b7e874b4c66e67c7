/* stream: pages of another program in, records out, as frames on standard input and output
 * (`trommel extract --stream`; plugin/embed/stream/README.md is the protocol). */
#ifndef TROMMEL_COMMAND_STREAM_H
#define TROMMEL_COMMAND_STREAM_H
#include "command/extract_args.h"

/* Runs until the input has ended and all is answered.  Returns the exit status. */
int stream_run(const struct extract_args *args);
#endif
