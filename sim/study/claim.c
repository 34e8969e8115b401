/* The study room: figures that others published. */
#include "sim/base/units.h"
#include "sim/study/system.h"

#include <math.h>

static const struct {
    const char *key, *unit;
    enum kerf_metric metric;
} claim_figures[] = {
    {"ttft", "s", KERF_METRIC_TTFT},
    {"tpot", "s", KERF_METRIC_TPOT},
    {"output_speed_per_user", "token/s", KERF_METRIC_SPEED_PER_USER},
    {"e2e", "s", KERF_METRIC_E2E},
    {"throughput", "token/s", KERF_METRIC_THROUGHPUT},
};

void kerf_claim_clear(struct kerf_claim *claim)
{
    *claim = (struct kerf_claim){0};
    for (int i = 0; i < KERF_METRIC_COUNT; i++)
        claim->figure[i] = NAN;
}

enum kerf_status kerf_claim_read(const struct kerf_yaml *yaml, struct kerf_claim *claim,
                                 struct kerf_error *error)
{
    static const char *const keys[] = {"name",       "kind", "network", "title", "source",
                                       "confidence", "note", "figures", NULL};
    static const char *const figure_keys[] = {"value", "unit", NULL};
    kerf_yaml_node *root = kerf_yaml_root(yaml), *figures = kerf_yaml_get(root, "figures");
    kerf_claim_clear(claim);
    KERF_TRY(kerf_yaml_check_keys(yaml, root, "claim", keys, error));
    KERF_TRY(
        kerf_yaml_text(yaml, kerf_yaml_get(root, "name"), "name", claim->name, sizeof claim->name, error));
    KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_get(root, "network"), "network", claim->network,
                            sizeof claim->network, error));
    KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_get(root, "title"), "title", claim->title, sizeof claim->title,
                            error));
    KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_get(root, "source"), "source", claim->source,
                            sizeof claim->source, error));
    KERF_TRY(kerf_yaml_check_keys(yaml, figures, "figures", kerf_metric_names, error));
    for (size_t i = 0; i < sizeof claim_figures / sizeof claim_figures[0]; i++) {
        kerf_yaml_node *node = kerf_yaml_get(figures, claim_figures[i].key);
        char text[64], value[32], unit[24];
        if (!node)
            continue;
        KERF_TRY(kerf_yaml_check_keys(yaml, node, claim_figures[i].key, figure_keys, error));
        KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_get(node, "value"), "value", value, sizeof value, error));
        KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_get(node, "unit"), "unit", unit, sizeof unit, error));
        snprintf(text, sizeof text, "%s %s", value, unit);
        if (kerf_quantity_parse(text, claim_figures[i].unit, &claim->figure[claim_figures[i].metric],
                                error) != KERF_OK)
            return kerf_error_prefix(error, "%s: figures.%s: ", kerf_yaml_file(yaml), claim_figures[i].key);
    }
    return KERF_OK;
}
