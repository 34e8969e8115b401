/* The section `experts` of a system: how evenly tokens choose the experts of a mixture. */
#ifndef KERF_IO_SCENARIO_EXPERTS_H
#define KERF_IO_SCENARIO_EXPERTS_H

#include "sim/io/settings.h"

enum kerf_expert_choice { KERF_EXPERTS_BALANCED, KERF_EXPERTS_POWER_LAW, KERF_EXPERTS_HISTOGRAM };

struct kerf_experts_spec {
    int choice; /* enum kerf_expert_choice */
    double exponent;
    char histogram[KERF_SETTING_TEXT_BYTES]; /* file */
    int redundant;
};

extern const struct kerf_setting_table kerf_experts_settings;

#endif
