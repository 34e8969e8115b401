/* What happens to a training job over weeks, as scenarios spell it: the sections `failures`, `checkpoint` and
 * `input` (docs/goodput.md). Plain data; who acts on it is sim/study. */
#ifndef KERF_IO_COURSE_SCENARIO_H
#define KERF_IO_COURSE_SCENARIO_H

#include "sim/io/settings.h"
#include "sim/io/yaml.h"

#include <stdbool.h>

struct kerf_course_spec {
    bool fails; /* there is a section `failures` */
    double accelerator_mtbf_s, host_mtbf_s, network_mtbf_s, job_mtbf_s;
    double detection_s, restart_s, repair_s, planned_every_s, planned_s;
    double straggler_mtbf_s, straggler_found_s, straggler_factor;
    int spares;
    double bytes_per_param, storage_Bps, snapshot_Bps, interval_s; /* of checkpoints */
    double host_samples_per_s;                                     /* of input; 0: never too few */
    int hosts;                                                     /* 0: those of the accelerators */
};

/* Every default. */
enum kerf_status kerf_course_defaults(struct kerf_course_spec *course, struct kerf_error *error);

/* Reads the sections of `map` over what *course has; `what` is the path of `map`, empty at the top. */
enum kerf_status kerf_course_read(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                  struct kerf_course_spec *course, struct kerf_error *error);

/* The sections with every key, as YAML that reads back. */
void kerf_course_print(FILE *out, const struct kerf_course_spec *course, int indent);

#endif
