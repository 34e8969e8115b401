/* A placement on wafers for people: what fills the fullest wafer, what limits the count, and a map. */
#ifndef KERF_STUDY_PLACEMENT_TEXT_H
#define KERF_STUDY_PLACEMENT_TEXT_H

#include "models/workload/serving.h"

#include <stdio.h>

/* Two lines, as comments: the parts of the fullest wafer's SRAM, and what stands in the way of fewer wafers.
 */
void kerf_placement_print_limit(FILE *out, const struct kerf_serving *serving);

/* Wafers of one kind drawn once each, as comments: a rectangle per stage with its place in the pipeline. The
 * map is schematic: areas and order are true, but rectangles are laid in shelves that tile the wafer. */
void kerf_placement_draw(FILE *out, const struct kerf_wafer_plan *plan);

#endif
