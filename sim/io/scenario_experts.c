/* The io room: choices of experts in scenario files. Knows keys; not what they mean for a device. */
#include "sim/io/scenario_experts.h"

#include <stddef.h>

static const char *const choice_names[] = {[KERF_EXPERTS_BALANCED] = "balanced",
                                           [KERF_EXPERTS_POWER_LAW] = "power-law",
                                           [KERF_EXPERTS_HISTOGRAM] = "histogram",
                                           NULL};

#define AT(field) offsetof(struct kerf_experts_spec, field)
static const struct kerf_setting settings[] = {
    {"choice", KERF_SETTING_CHOICE, "1", 0, 0, choice_names, AT(choice), "balanced",
     "how tokens choose experts: all alike, by a power law in random order, or as a file counts"},
    {"exponent", KERF_SETTING_NUMBER, "1", 0, 10, NULL, AT(exponent), "0.5",
     "of the power law: the expert of rank r is chosen in proportion to r^-exponent"},
    {"histogram", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(histogram), "",
     "file with a line per expert: how often it was chosen"},
    {"redundant_experts", KERF_SETTING_INTEGER, "1", 0, 4096, NULL, AT(redundant), "0",
     "copies of the busiest experts, on GPUs; experts are then placed by load"},
};
#undef AT
const struct kerf_setting_table kerf_experts_settings = {settings, sizeof settings / sizeof settings[0]};
