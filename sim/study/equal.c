/* The study room: systems of equal power or cost. */
#include "sim/study/equal.h"

#include "models/training/weight_streaming.h"
#include "sim/study/bill.h"
#include "sim/study/system.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum kerf_status store_W(struct kerf_catalog *catalog, const char *wafer, struct kerf_leaf_set *set,
                                double *hosts_W, struct kerf_error *error)
{
    char name[KERF_CATALOG_NAME_BYTES];
    struct kerf_streaming_params streaming;
    snprintf(name, sizeof name, "weight-streaming-%.64s", wafer);
    KERF_TRY(kerf_system_leaves(catalog, "streaming", name, &kerf_streaming_leaves, set, error));
    kerf_leaf_set_fill(set, KERF_COLUMN_NOMINAL, &streaming);
    *hosts_W = streaming.hosts_W;
    return KERF_OK;
}

static enum kerf_status bill_of_one(struct kerf_catalog *catalog, const char *hardware, bool trains,
                                    struct kerf_leaf_set set[2], struct kerf_bill *bill,
                                    struct kerf_error *error)
{
    bool on_wafers;
    double hosts_W = 0.0;
    KERF_TRY(kerf_system_hardware(catalog, hardware, &set[0], &on_wafers, error));
    if (!on_wafers) {
        struct kerf_gpu_params gpu;
        kerf_leaf_set_fill(&set[0], KERF_COLUMN_NOMINAL, &gpu);
        *bill = kerf_bill_of_gpus(&gpu, KERF_FORMAT_BF16, 0.0, 0.0, 1.0);
        return KERF_OK;
    }
    struct kerf_wafer_params wafer;
    kerf_leaf_set_fill(&set[0], KERF_COLUMN_NOMINAL, &wafer);
    if (trains)
        KERF_TRY(store_W(catalog, set[0].name, &set[1], &hosts_W, error));
    *bill = kerf_bill_of_wafers(&wafer, hosts_W, 0.0, 1.0);
    return KERF_OK;
}

enum kerf_status kerf_equal_each(struct kerf_catalog *catalog, const char *hardware, enum kerf_equal equal,
                                 bool trains, double *each, struct kerf_error *error)
{
    struct kerf_bill bill;
    struct kerf_leaf_set *set = malloc(2 * sizeof *set);
    KERF_CHECK(set, KERF_ERR_FAILURE, "out of memory for catalog entries");
    enum kerf_status status = bill_of_one(catalog, hardware, trains, set, &bill, error);
    free(set);
    KERF_TRY(status);
    *each = equal == KERF_EQUAL_POWER ? bill.rated_W : bill.USD_per_s;
    KERF_CHECK(!isnan(*each), KERF_ERR_USAGE,
               "equal: %s: the catalog does not say what one of %s %s; give a count", kerf_equal_names[equal],
               hardware, equal == KERF_EQUAL_POWER ? "draws" : "costs");
    return KERF_OK;
}

static bool is_legal(const struct kerf_equal_system *system, double count)
{
    return count >= 1.0 && count <= 1e7 &&
           (!system->is_legal || system->is_legal(system->context, (int)count));
}

/* The legal count nearest to `wanted` as a ratio; 0: none within a factor of four. */
static int nearest_legal(const struct kerf_equal_system *system, double wanted)
{
    double below = fmax(floor(wanted), 1.0), above = below + 1.0;
    while (below >= 1.0 && below > wanted / 4.0 && !is_legal(system, below))
        below -= 1.0;
    while (above < 4.0 * wanted && !is_legal(system, above))
        above += 1.0;
    bool has_below = is_legal(system, below), has_above = is_legal(system, above);
    if (!has_below || (has_above && above / wanted < wanted / below))
        return has_above ? (int)above : 0;
    return (int)below;
}

static const struct kerf_equal_system *find_baseline(const char *name, const struct kerf_equal_system *system,
                                                     int systems)
{
    for (int i = 0; i < systems; i++)
        if (name[0] ? strcmp(system[i].name, name) == 0 : *system[i].count > 0)
            return &system[i];
    return NULL;
}

enum kerf_status kerf_equal_counts(struct kerf_catalog *catalog, enum kerf_equal equal, bool trains,
                                   char *baseline, struct kerf_equal_system *system, int systems,
                                   struct kerf_error *error)
{
    for (int i = 0; i < systems && equal == KERF_EQUAL_NONE; i++)
        KERF_CHECK(*system[i].count > 0, KERF_ERR_USAGE,
                   "%s: systems.%s: count: must be between 1 and 1e+07; with `equal: power` or `cost` it may "
                   "be left "
                   "out",
                   system[i].where, system[i].name);
    if (equal == KERF_EQUAL_NONE)
        return KERF_OK;
    const struct kerf_equal_system *reference = find_baseline(baseline, system, systems);
    KERF_CHECK(reference && *reference->count > 0, KERF_ERR_USAGE,
               "%s: equal: %s: the baseline '%s' must be a system with a count", system[0].where,
               kerf_equal_names[equal], baseline);
    double wanted, each;
    snprintf(baseline, KERF_SETTING_TEXT_BYTES, "%s", reference->name);
    KERF_TRY(kerf_equal_each(catalog, reference->hardware, equal, trains, &wanted, error));
    wanted *= *reference->count;
    for (int i = 0; i < systems; i++) {
        if (*system[i].count > 0)
            continue;
        if (kerf_equal_each(catalog, system[i].hardware, equal, trains, &each, error) != KERF_OK)
            return kerf_error_prefix(error, "%s: systems.%s: ", system[i].where, system[i].name);
        *system[i].count = nearest_legal(&system[i], wanted / each);
        KERF_CHECK(
            *system[i].count > 0, KERF_ERR_USAGE,
            "%s: systems.%s: equal: %s would take %.1f of %s, and no number near it can be laid out: change "
            "parallel, the batch or the count of %s",
            system[i].where, system[i].name, kerf_equal_names[equal], wanted / each, system[i].hardware,
            reference->name);
    }
    return KERF_OK;
}
