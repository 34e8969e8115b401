/* The io room: what is measured of a run. Knows keys and ranges; not how percentiles are made. */
#include "sim/io/measure_spec.h"

#include "sim/io/settings.h"

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof(array)[0]))

static const char *const warmup_names[] = {[KERF_WARMUP_NONE] = "none", [KERF_WARMUP_AUTO] = "auto", NULL};

#define AT(field) offsetof(struct kerf_measure_spec, field)
static const struct kerf_setting measure_settings[] = {
    {"warmup", KERF_SETTING_CHOICE, "1", 0, 0, warmup_names, AT(warmup), "none",
     "auto: percentiles leave the requests out that MSER-5 finds before the steady state"},
    {"warmup_requests", KERF_SETTING_INTEGER, "1", 0, 1e7, NULL, AT(warmup_requests), "0",
     "first requests that percentiles leave out"},
    {"warmup_time", KERF_SETTING_NUMBER, "s", 0, 1e9, NULL, AT(warmup_s), "0 s",
     "requests that arrive before this time are left out"},
};
static const struct kerf_setting slo_settings[] = {
    {"ttft", KERF_SETTING_NUMBER, "s", 0, 1e6, NULL, AT(slo_ttft_s), "0 s",
     "limit of the time to first token; 0: none"},
    {"tpot", KERF_SETTING_NUMBER, "s", 0, 1e6, NULL, AT(slo_tpot_s), "0 s",
     "limit of the time per output token; 0: none"},
    {"percentile", KERF_SETTING_NUMBER, "1", 1, 99.9, NULL, AT(slo_percentile), "99",
     "of the requests that must keep each limit"},
};
#undef AT

/* Sections of the scenario, each a table over the same struct. */
static const struct {
    const char *key;
    struct kerf_setting_table table;
} sections[] = {{"measure", {measure_settings, COUNT_OF(measure_settings)}},
                {"slo", {slo_settings, COUNT_OF(slo_settings)}}};

enum kerf_status kerf_measure_spec_read(const struct kerf_yaml *yaml, struct kerf_measure_spec *measure,
                                        struct kerf_error *error)
{
    kerf_yaml_node *root = kerf_yaml_root(yaml), *slo = kerf_yaml_get(root, "slo");
    for (int i = 0; i < COUNT_OF(sections); i++) {
        kerf_yaml_node *map = kerf_yaml_get(root, sections[i].key);
        measure->asked = measure->asked || map;
        KERF_TRY(kerf_settings_section(yaml, map, sections[i].key, &sections[i].table, NULL, measure, error));
    }
    if (slo && measure->slo_ttft_s == 0.0 && measure->slo_tpot_s == 0.0)
        return kerf_yaml_refuse(yaml, slo, error,
                                "slo: sets no limit; give ttft, tpot or both, such as {ttft: 2 s}");
    return KERF_OK;
}

void kerf_measure_spec_print(FILE *out, const struct kerf_measure_spec *measure)
{
    for (int i = 0; i < COUNT_OF(sections) && measure->asked; i++) {
        bool limits = measure->slo_ttft_s > 0.0 || measure->slo_tpot_s > 0.0;
        if (i == 1 && !limits)
            continue;
        fprintf(out, "%s:\n", sections[i].key);
        kerf_settings_print(out, &sections[i].table, measure, 2);
    }
}
