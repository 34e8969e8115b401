/* The study room: loads of experts in measured tables. Knows how those were made; no device. */
#include "sim/study/expert_load.h"

#include "sim/engine/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 16, EXPERTS_MOST = 4096 };
static const uint64_t seed = 384;

bool kerf_expert_spread_find(const char *name, double *exponent)
{
    static const char prefix[] = "power_law_";
    char *end;
    *exponent = 0.0;
    if (strcmp(name, "balanced") == 0)
        return true;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return false;
    *exponent = strtod(name + sizeof prefix - 1, &end);
    return *end == '\0' && *exponent > 1.0 && *exponent < 10.0;
}

/* Adds `rows` of an expert to the load, `weight` of a draw. */
static void add_expert(struct kerf_expert_load *load, double rows, double weight)
{
    load->rows += weight * rows;
    load->touched += rows > 0.0 ? weight : 0.0;
    for (int i = 0; i < KERF_EXPERT_TILES; i++)
        load->tiles[i] += weight * ceil(rows / kerf_expert_tile_rows[i]);
}

static void balanced_load(const struct kerf_expert_spread *s, struct kerf_expert_load *load)
{
    double rows = fmax(1.0, s->tokens * s->top_k / s->ranks);
    double touched = fmin(fmax(1.0, round(rows)), load->local);
    for (double i = 0.0; i < touched; i += 1.0)
        add_expert(load, rows / touched, 1.0);
}

/* Rounding lost `missing` rows: one each to experts that have none, evenly among them. */
static void give_rest(double *rows, int experts, double missing)
{
    double empty = 0.0, seen = 0.0;
    for (int i = 0; i < experts; i++)
        empty += rows[i] == 0.0;
    missing = fmin(missing, empty);
    for (int i = 0; i < experts; i++)
        if (rows[i] == 0.0) {
            if (floor((seen + 1.0) * missing / empty) > floor(seen * missing / empty))
                rows[i] = 1.0;
            seen += 1.0;
        }
}

/* Rows of every expert in one draw. */
static void draw_rows(const struct kerf_expert_spread *s, uint64_t draw, double *rows)
{
    double total = s->tokens * s->top_k, sum = 0.0, given = 0.0, power = 1.0 - s->exponent;
    bool many = total > s->experts;
    double least = pow(many ? 1.0 : 0.01, power), most = pow(many ? 0.8 * s->tokens : 2.0, power);
    int experts = (int)s->experts;
    for (int i = 0; i < experts; i++) {
        double u = kerf_random_uniform(seed, draw, (uint64_t)i);
        rows[i] = pow((most - least) * u + least, 1.0 / power);
        sum += rows[i];
    }
    for (int i = 0; i < experts; i++) {
        rows[i] = fmin(rint(rows[i] / sum * total), s->tokens);
        given += rows[i];
    }
    give_rest(rows, experts, total - given);
}

/* First expert of the rank with most rows. */
static int busiest_rank(const double *rows, int ranks, int local)
{
    double most = -1.0;
    int first = 0;
    for (int rank = 0; rank < ranks; rank++) {
        double sum = 0.0;
        for (int i = 0; i < local; i++)
            sum += rows[rank * local + i];
        if (sum > most) {
            most = sum;
            first = rank * local;
        }
    }
    return first;
}

struct kerf_expert_load kerf_expert_load_of(const struct kerf_expert_spread *s)
{
    struct kerf_expert_load load = {.tokens = s->tokens, .local = floor(s->experts / s->ranks)};
    double rows[EXPERTS_MOST];
    if (s->exponent == 0.0 || s->experts > EXPERTS_MOST) {
        balanced_load(s, &load);
        return load;
    }
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        draw_rows(s, draw, rows);
        int first = busiest_rank(rows, (int)s->ranks, (int)load.local);
        for (int i = 0; i < (int)load.local; i++)
            add_expert(&load, rows[first + i], 1.0 / DRAWS);
    }
    return load;
}
