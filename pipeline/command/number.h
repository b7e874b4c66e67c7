/* number: a number from the command line or a configuration file, within its range. */
#ifndef TROMMEL_COMMAND_NUMBER_H
#define TROMMEL_COMMAND_NUMBER_H

/* All of `text` as a finite number from min to max; whole: without a fraction.  0, or ERR_USAGE. */
int number_parse(const char *text, double min, double max, int whole, double *ret);
#endif
