/* The io room: failures, checkpoints and input of training scenarios. */
#include "sim/io/course_scenario.h"

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof(array)[0]))
#define AT(field) offsetof(struct kerf_course_spec, field)

static const struct kerf_setting failure_settings[] = {
    {"accelerator_mtbf", KERF_SETTING_NUMBER, "s", 0, 1e15, NULL, AT(accelerator_mtbf_s), "0 s",
     "between failures of one accelerator; 0: the catalog's mtbf_s, which counts its share of all else too"},
    {"host_mtbf", KERF_SETTING_NUMBER, "s", 0, 1e15, NULL, AT(host_mtbf_s), "0 s",
     "of one host; 0: hosts do not fail by themselves"},
    {"network_mtbf", KERF_SETTING_NUMBER, "s", 0, 1e15, NULL, AT(network_mtbf_s), "0 s",
     "of one accelerator's way through the network; 0: it does not fail by itself"},
    {"job_mtbf", KERF_SETTING_NUMBER, "s", 0, 1e15, NULL, AT(job_mtbf_s), "0 s",
     "of the software of the whole job; 0: it does not fail by itself"},
    {"detection", KERF_SETTING_NUMBER, "s", 0, 1e7, NULL, AT(detection_s), "300 s",
     "from a failure until the job is stopped"},
    {"restart", KERF_SETTING_NUMBER, "s", 0, 1e7, NULL, AT(restart_s), "300 s",
     "from there until training goes on; may fail in turn"},
    {"repair", KERF_SETTING_NUMBER, "s", 0, 1e9, NULL, AT(repair_s), "0 s",
     "until a failed accelerator or host is back; 0: a restart mends it"},
    {"spares", KERF_SETTING_INTEGER, "1", 0, 1e6, NULL, AT(spares), "0",
     "units that take the place of those in repair; without a free one the job waits"},
    {"planned_every", KERF_SETTING_NUMBER, "s", 0, 1e9, NULL, AT(planned_every_s), "0 s",
     "between stops that are announced; 0: none"},
    {"planned", KERF_SETTING_NUMBER, "s", 0, 1e9, NULL, AT(planned_s), "0 s", "length of such a stop"},
    {"straggler_mtbf", KERF_SETTING_NUMBER, "s", 0, 1e15, NULL, AT(straggler_mtbf_s), "0 s",
     "of one accelerator until it becomes slow; 0: never"},
    {"straggler_found", KERF_SETTING_NUMBER, "s", 0, 1e9, NULL, AT(straggler_found_s), "3600 s",
     "until a slow one is found and replaced"},
    {"straggler_factor", KERF_SETTING_NUMBER, "1", 1, 100, NULL, AT(straggler_factor), "1.2",
     "times as long as the job takes meanwhile"},
};
static const struct kerf_setting checkpoint_settings[] = {
    {"interval", KERF_SETTING_NUMBER, "s", 0, 1e9, NULL, AT(interval_s), "0 s",
     "of training between checkpoints; 0: the best one"},
    {"bytes_per_param", KERF_SETTING_NUMBER, "B", 0.5, 64, NULL, AT(bytes_per_param), "14 B",
     "weights, master weights and two moments; on wafers the catalog's state_bytes_per_param"},
    {"storage", KERF_SETTING_NUMBER, "B/s", 0, 1e16, NULL, AT(storage_Bps), "0 B/s",
     "into storage, all together; 0: wafers the catalog's checkpoint_Bps, GPUs 122 MB/s each (2 TB/s for "
     "16,384)"},
    {"snapshot", KERF_SETTING_NUMBER, "B/s", 0, 1e16, NULL, AT(snapshot_Bps), "0 B/s",
     "into host memory, all together, while training stands; 0: written to storage directly"},
};
static const struct kerf_setting input_settings[] = {
    {"rate", KERF_SETTING_NUMBER, "1/s", 0, 1e12, NULL, AT(host_samples_per_s), "0 1/s",
     "sequences that one host prepares; 0: never too few"},
    {"hosts", KERF_SETTING_INTEGER, "1", 0, 1e7, NULL, AT(hosts), "0",
     "that prepare them; 0: one for each node of GPUs or each wafer"},
};
#undef AT

static const struct {
    const char *key;
    struct kerf_setting_table table;
} sections[] = {
    {"failures", {failure_settings, COUNT_OF(failure_settings)}},
    {"checkpoint", {checkpoint_settings, COUNT_OF(checkpoint_settings)}},
    {"input", {input_settings, COUNT_OF(input_settings)}},
};

enum kerf_status kerf_course_defaults(struct kerf_course_spec *course, struct kerf_error *error)
{
    *course = (struct kerf_course_spec){0};
    for (int i = 0; i < COUNT_OF(sections); i++)
        KERF_TRY(kerf_settings_defaults(&sections[i].table, course, error));
    return KERF_OK;
}

enum kerf_status kerf_course_read(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                  struct kerf_course_spec *course, struct kerf_error *error)
{
    for (int i = 0; i < COUNT_OF(sections); i++) {
        char path[256];
        snprintf(path, sizeof path, "%s%s%s", what, what[0] ? "." : "", sections[i].key);
        KERF_TRY(kerf_settings_read(yaml, kerf_yaml_get(map, sections[i].key), path, &sections[i].table, NULL,
                                    course, error));
    }
    course->fails = course->fails || kerf_yaml_get(map, sections[0].key);
    return KERF_OK;
}

void kerf_course_print(FILE *out, const struct kerf_course_spec *course, int indent)
{
    for (int i = course->fails ? 0 : 1; i < COUNT_OF(sections); i++) {
        fprintf(out, "%*s%s:\n", indent, "", sections[i].key);
        kerf_settings_print(out, &sections[i].table, course, indent + 2);
    }
}
