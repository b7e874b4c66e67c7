/* model: the trained block classifier, as tables made by train/train.sh. */
#ifndef TROMMEL_BOILERPLATE_MODEL_H
#define TROMMEL_BOILERPLATE_MODEL_H
#include "trees.h"

extern const struct trees block_model;
extern const char block_model_hash[]; /* of the tables: first 16 hex digits of their SHA-256 */
#endif
