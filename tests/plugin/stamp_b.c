/* stamp_b: see stamp.h. */
#define STAMP_ID "stamp-b"
#include "stamp.h"
