/* The base room: unit algebra. A unit is a factor times a product of base dimensions with integer exponents.
 */
#include "sim/base/units.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIM_TIME,
    DIM_BYTE,
    DIM_FLOP,
    DIM_ENERGY,
    DIM_LENGTH,
    DIM_TEMPERATURE,
    DIM_CURRENT,
    DIM_MONEY,
    DIM_TOKEN,
    DIM_CYCLE,
    DIM_COUNT
};

struct dimension {
    double factor;
    int exponent[DIM_COUNT];
};

struct symbol {
    const char *name;
    double factor;
    bool takes_prefix;
    int exponent[DIM_COUNT];
};

/* FLOP and MAC share a dimension (1 MAC = 2 FLOP); PE, GPU and request are counts. */
static const struct symbol symbols[] = {
    {"1", 1, false, {0}},
    {"%", 0.01, false, {0}},
    {"PE", 1, false, {0}},
    {"s", 1, true, {[DIM_TIME] = 1}},
    {"min", 60, false, {[DIM_TIME] = 1}},
    {"h", 3600, false, {[DIM_TIME] = 1}},
    {"d", 86400, false, {[DIM_TIME] = 1}},
    {"Hz", 1, true, {[DIM_TIME] = -1}},
    {"B", 1, true, {[DIM_BYTE] = 1}},
    {"b", 0.125, true, {[DIM_BYTE] = 1}},
    {"bit", 0.125, true, {[DIM_BYTE] = 1}},
    {"FLOP", 1, true, {[DIM_FLOP] = 1}},
    {"MAC", 2, true, {[DIM_FLOP] = 1}},
    {"J", 1, true, {[DIM_ENERGY] = 1}},
    {"W", 1, true, {[DIM_ENERGY] = 1, [DIM_TIME] = -1}},
    {"m", 1, true, {[DIM_LENGTH] = 1}},
    {"K", 1, false, {[DIM_TEMPERATURE] = 1}},
    {"A", 1, true, {[DIM_CURRENT] = 1}},
    {"V", 1, true, {[DIM_ENERGY] = 1, [DIM_TIME] = -1, [DIM_CURRENT] = -1}},
    {"ohm", 1, true, {[DIM_ENERGY] = 1, [DIM_TIME] = -1, [DIM_CURRENT] = -2}},
    {"USD", 1, true, {[DIM_MONEY] = 1}},
    {"token", 1, true, {[DIM_TOKEN] = 1}},
    {"cycle", 1, true, {[DIM_CYCLE] = 1}},
};

static const struct {
    const char *name;
    double factor;
} prefixes[] = {
    {"Ki", 1024.0}, {"Mi", 1048576.0}, {"Gi", 1073741824.0}, {"Ti", 1099511627776.0},
    {"p", 1e-12},   {"n", 1e-9},       {"u", 1e-6},          {"m", 1e-3},
    {"k", 1e3},     {"M", 1e6},        {"G", 1e9},           {"T", 1e12},
    {"P", 1e15},    {"E", 1e18},
};

static const struct symbol *find_symbol(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++)
        if (strlen(symbols[i].name) == length && memcmp(symbols[i].name, name, length) == 0)
            return &symbols[i];
    return NULL;
}

/* One factor of a unit: "us", "TFLOP", "tokens" (a plural s is dropped from words). */
static bool parse_factor(const char *name, size_t length, double *factor, const struct symbol **found)
{
    *factor = 1.0;
    *found = find_symbol(name, length);
    if (*found)
        return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t skip = strlen(prefixes[i].name);
        if (length <= skip || memcmp(prefixes[i].name, name, skip) != 0)
            continue;
        *found = find_symbol(name + skip, length - skip);
        if (*found && (*found)->takes_prefix) {
            *factor = prefixes[i].factor;
            return true;
        }
    }
    if (length > 4 && name[length - 1] == 's')
        return parse_factor(name, length - 1, factor, found);
    return false;
}

/* A whole unit: factors joined by '*' or '/', each with an optional "^N". */
static bool parse_unit(const char *text, struct dimension *unit)
{
    *unit = (struct dimension){.factor = 1.0};
    int sign = 1;
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "*/^");
        double factor;
        const struct symbol *symbol;
        if (length == 0 || !parse_factor(at, length, &factor, &symbol))
            return false;
        at += length;
        int power = sign;
        if (*at == '^') {
            if (!isdigit((unsigned char)at[1]))
                return false;
            power = sign * (at[1] - '0');
            at += 2;
        }
        unit->factor *= pow(factor * symbol->factor, power);
        for (int i = 0; i < DIM_COUNT; i++)
            unit->exponent[i] += power * symbol->exponent[i];
        if (*at) {
            if ((*at != '*' && *at != '/') || !at[1])
                return false;
            sign = *at == '/' ? -1 : 1;
            at++;
        }
    }
    return true;
}

enum kerf_status kerf_unit_factor(const char *unit, const char *si_unit, double *factor,
                                  struct kerf_error *error)
{
    struct dimension have, want;
    KERF_CHECK(parse_unit(si_unit, &want), KERF_ERR_FAILURE, "internal: bad SI unit '%s'", si_unit);
    KERF_CHECK(*unit && parse_unit(unit, &have), KERF_ERR_USAGE, "unknown unit '%s' (a unit of %s is wanted)",
               unit, si_unit);
    KERF_CHECK(memcmp(have.exponent, want.exponent, sizeof have.exponent) == 0, KERF_ERR_USAGE,
               "unit '%s' does not fit: a unit of %s is wanted", unit, si_unit);
    *factor = have.factor / want.factor;
    return KERF_OK;
}

enum kerf_status kerf_quantity_parse(const char *text, const char *si_unit, double *value,
                                     struct kerf_error *error)
{
    char *end;
    double number = strtod(text, &end);
    KERF_CHECK(end != text && isfinite(number), KERF_ERR_USAGE, "'%s' is not a number%s%s", text,
               strcmp(si_unit, "1") == 0 ? "" : " with a unit of ", strcmp(si_unit, "1") == 0 ? "" : si_unit);
    while (*end == ' ')
        end++;
    double factor = 1.0;
    if (*end)
        KERF_TRY(kerf_unit_factor(end, si_unit, &factor, error));
    *value = number * factor;
    KERF_CHECK(isfinite(*value), KERF_ERR_USAGE, "'%s' is too large", text);
    return KERF_OK;
}
