/* model: the trained page types, as tables made by train.sh; the trees of a type stand one after the
 * other. */
#ifndef TROMMEL_LAYOUT_MODEL_H
#define TROMMEL_LAYOUT_MODEL_H
#include "trees.h"

#define LAYOUT_TYPES 7

extern const struct trees layout_model;
extern const char layout_model_hash[];
#endif
