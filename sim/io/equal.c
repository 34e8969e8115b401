/* The io room: names of what systems have in common. */
#include "sim/io/equal.h"

#include <stddef.h>

const char *const kerf_equal_names[] = {"none", "power", "cost", NULL};
