/* From the section `experts` of a scenario to shares of choices and their placement. */
#ifndef KERF_STUDY_EXPERTS_H
#define KERF_STUDY_EXPERTS_H

#include "sim/study/system.h"

/* Fills system->skew where choices are not balanced; `groups` are the places that hold experts. Collective.
 */
enum kerf_status kerf_experts_open(MPI_Comm comm, const struct kerf_scenario *scenario,
                                   struct kerf_system *system, const int *groups, int groupings,
                                   struct kerf_error *error);

/* Has the routed experts of a network chosen so. */
void kerf_experts_apply(const struct kerf_system *system, struct kerf_decoder_list *list);

#endif
