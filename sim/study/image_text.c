/* The study room: tables of a study about images. */
#include "sim/study/image_study.h"

#include "sim/io/report.h"

#include <math.h>
#include <string.h>

static const double milli = 1e-3, kilo = 1e3, mega = 1e6, tera = 1e12, giga = 1e9;

/* A row of the table: what it is called, and the figure in a column. */
struct figure {
    const char *name;
    double (*of)(const struct kerf_image_study *study, int system, const struct kerf_image_result *result);
};

static double batch_ms(const struct kerf_image_study *study, int system,
                       const struct kerf_image_result *result)
{
    (void)study, (void)system;
    return result->batch_s / milli;
}

static double rate(const struct kerf_image_study *study, int system, const struct kerf_image_result *result)
{
    (void)study, (void)system;
    return result->rate_per_s;
}

static double rate_each(const struct kerf_image_study *study, int system,
                        const struct kerf_image_result *result)
{
    return result->rate_per_s / study->scenario.system[system].count;
}

static double tflops_each(const struct kerf_image_study *study, int system,
                          const struct kerf_image_result *result)
{
    return result->flops / study->scenario.system[system].count / tera;
}

static double mfu(const struct kerf_image_study *study, int system, const struct kerf_image_result *result)
{
    (void)study, (void)system;
    return 100.0 * result->mfu;
}

static double power_kW(const struct kerf_image_study *study, int system,
                       const struct kerf_image_result *result)
{
    (void)study, (void)system;
    return result->bill.facility_W / kilo;
}

static double energy_each(const struct kerf_image_study *study, int system,
                          const struct kerf_image_result *result)
{
    (void)study, (void)system;
    return result->bill.facility_W / result->rate_per_s;
}

static double USD_million(const struct kerf_image_study *study, int system,
                          const struct kerf_image_result *result)
{
    (void)study, (void)system;
    return mega * result->bill.USD_per_s / result->rate_per_s;
}

/* The part that takes longest. */
static int longest_part(const struct kerf_image_result *result)
{
    int longest = 0;
    for (int part = 1; part < result->parts; part++)
        if (result->part_s[part] > result->part_s[longest])
            longest = part;
    return longest;
}

const char *kerf_image_limit(const struct kerf_image_study *study, int system)
{
    const struct kerf_image_result *result =
        &study->result[system][study->columns == 1 ? 0 : KERF_COLUMN_NOMINAL];
    return result->part[longest_part(result)];
}

static void print_number(FILE *out, double value)
{
    if (isnan(value))
        fprintf(out, " %12s", "-");
    else
        fprintf(out, " %12.5g", value);
}

static void print_system(FILE *out, const struct kerf_image_study *study, int system,
                         const struct figure *figures, int count)
{
    const struct kerf_image_system_spec *spec = &study->scenario.system[system];
    int nominal = study->columns == 1 ? 0 : KERF_COLUMN_NOMINAL;
    const struct kerf_image_result *result = &study->result[system][nominal];
    for (int i = 0; i < count; i++) {
        fprintf(out, "%-32.32s %-26s", i == 0 ? spec->title : "", figures[i].name);
        for (int column = 0; column < study->columns; column++)
            print_number(out, figures[i].of(study, system, &study->result[system][column]));
        fprintf(out, "\n");
    }
    fprintf(out, "%-32s memory %.1f of %.1f GB per accelerator; time:", "", result->used_bytes / giga,
            result->capacity_bytes / giga);
    for (int part = 0; part < result->parts; part++)
        if (result->part_s[part] > 0.005 * result->batch_s)
            fprintf(out, " %s %.0f %%", result->part[part], 100.0 * result->part_s[part] / result->batch_s);
    fprintf(out, "; most: %s\n", result->part[longest_part(result)]);
    if (result->note[0])
        fprintf(out, "%-32s %s\n", "", result->note);
}

/* How large a system is beside the baseline: an equal count is a whole one. */
static void print_size(FILE *out, const struct kerf_image_study *study, int system)
{
    const struct kerf_image_scenario *scenario = &study->scenario;
    int baseline = 0, nominal = study->columns == 1 ? 0 : KERF_COLUMN_NOMINAL;
    for (int i = 0; i < scenario->systems; i++)
        if (strcmp(scenario->system[i].name, scenario->baseline) == 0)
            baseline = i;
    const struct kerf_bill *own = &study->result[system][nominal].bill,
                           *other = &study->result[baseline][nominal].bill;
    fprintf(out, "%-32s %d x %s: %.2f x the power and %.2f x the cost of %s\n", "",
            scenario->system[system].count, scenario->system[system].hardware, own->rated_W / other->rated_W,
            own->USD_per_s / other->USD_per_s, scenario->system[baseline].name);
}

void kerf_image_study_print(FILE *out, const struct kerf_image_study *study)
{
    static const struct figure images[] = {{"batch, ms", batch_ms},
                                           {"images/s", rate},
                                           {"images/s per accelerator", rate_each},
                                           {"TFLOP/s per accelerator", tflops_each},
                                           {"MFU, %", mfu},
                                           {"power of the building, kW", power_kW},
                                           {"energy of an image, J", energy_each},
                                           {"USD per million images", USD_million}};
    static const struct figure answers[] = {{"batch, ms", batch_ms},
                                            {"answer tokens/s", rate},
                                            {"tokens/s per accelerator", rate_each},
                                            {"TFLOP/s per accelerator", tflops_each}};
    bool writes = study->network.family == KERF_FAMILY_DECODER;
    fprintf(out, "%s\nnetwork: %s\n\n%-32s %-26s", study->scenario.title, study->network.name, "system",
            "figure");
    for (int column = 0; column < study->columns; column++)
        fprintf(out, " %12s", kerf_column_names[study->column[column]]);
    fprintf(out, "\n");
    for (int system = 0; system < study->scenario.systems; system++) {
        print_system(out, study, system, writes ? answers : images, writes ? 4 : 8);
        if (study->scenario.equal != KERF_EQUAL_NONE)
            print_size(out, study, system);
    }
}
