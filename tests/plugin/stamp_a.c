/* stamp_a: see stamp.h. */
#define STAMP_ID "stamp-a"
#include "stamp.h"
