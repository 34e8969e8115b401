/* The question of a search: a network, a cluster, a batch, and the software that trains. Plain data. */
#ifndef KERF_IO_SEARCH_SCENARIO_H
#define KERF_IO_SEARCH_SCENARIO_H

#include "sim/io/settings.h"

struct kerf_search_spec {
    char title[KERF_SETTING_TEXT_BYTES], network[KERF_SETTING_TEXT_BYTES];
    char hardware[KERF_SETTING_TEXT_BYTES], software[KERF_SETTING_TEXT_BYTES];
    char precision[KERF_SETTING_TEXT_BYTES], optimizer[KERF_SETTING_TEXT_BYTES];
    int gpus, global_batch, best;
    double sequence;
    int routing;      /* 1: forced to be even */
    char where[1200]; /* of the section, for messages: "FILE:LINE" */
};

/* Reads a scenario that is already parsed and overridden: title, network, and the section `search`. Messages
 * carry file and line. */
enum kerf_status kerf_search_spec_read(const struct kerf_yaml *yaml, struct kerf_search_spec *spec,
                                       struct kerf_error *error);

#endif
