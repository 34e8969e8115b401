/* Uncertain values of a scenario: where it says a number it may say a range, or a choice of several texts.
 *
 *   users: {value: 10, low: 1, high: 50, distribution: uniform}
 *   count: {value: 20, low: 14, high: 31}
 *   weights: {one_of: [bf16, fp8], odds: [1, 3]}
 *
 * What reads the scenario takes the value, or the first choice; ensembles draw from the range. */
#ifndef KERF_IO_RANGES_H
#define KERF_IO_RANGES_H

#include "sim/base/distribution.h"
#include "sim/io/yaml.h"

enum {
    KERF_RANGES_MAX = 32,
    KERF_RANGE_CHOICES_MAX = 8,
    KERF_RANGE_TEXT_BYTES = 48,
    KERF_RANGE_PATH_BYTES = 128
};

struct kerf_range {
    char path[KERF_RANGE_PATH_BYTES]; /* "systems.cs3.count", as after --set */
    char unit[24];                    /* as written; "" without one */
    double value, low, high;          /* in that unit; of choices: 0, 0, their number - 1 */
    enum kerf_distribution distribution;
    bool whole; /* value, low and high are whole numbers, and so are draws */
    int choices;
    char choice[KERF_RANGE_CHOICES_MAX][KERF_RANGE_TEXT_BYTES];
    double odds[KERF_RANGE_CHOICES_MAX]; /* sum to 1 */
};

struct kerf_ranges {
    int count;
    struct kerf_range range[KERF_RANGES_MAX];
};

/* Whether a node is a range: a map with `value` or `one_of`. */
bool kerf_range_is_one(kerf_yaml_node *node);

/* Reads and checks one; refuses a distribution without bounds, low <= value <= high that does not hold, and
 * the like. `path` is taken over. */
enum kerf_status kerf_range_read(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *path,
                                 struct kerf_range *range, struct kerf_error *error);

/* A value of the range (a choice by its number) as a scenario has it. */
void kerf_range_text(const struct kerf_range *range, double value, char *text, size_t text_bytes);

/* Reads the name of a distribution. */
enum kerf_status kerf_distribution_read(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *what,
                                        enum kerf_distribution *distribution, struct kerf_error *error);

/* All ranges below `workload` and `systems`, in the order of the file. Refuses one where it would do nothing:
 * names of catalog entries, networks of links, values outside these sections. */
enum kerf_status kerf_ranges_read(const struct kerf_yaml *yaml, struct kerf_ranges *ranges,
                                  struct kerf_error *error);

#endif
