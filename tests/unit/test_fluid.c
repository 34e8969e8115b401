/* Flows in a fluid network get max-min fair rates, also after hundreds of changes, and end when theory says.
 */
#include "models/fabric/fluid.h"
#include "sim/engine/random.h"
#include "tests/support/fat_tree.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LINKS = 24, PATH = 5, FLOWS = 40 };

static struct kerf_fluid *network(const double *capacity_Bps, uint32_t links)
{
    struct kerf_fluid *fluid = NULL;
    assert_int_equal(kerf_fluid_create(capacity_Bps, links, FAT_TREE_HOPS, &fluid, NULL), KERF_OK);
    return fluid;
}

static uint32_t start(struct kerf_fluid *fluid, kerf_time now, const uint32_t *path, uint32_t hops,
                      double bytes)
{
    uint32_t id;
    struct kerf_fluid_flow flow = {.path = path, .hops = hops, .bytes = bytes};
    assert_int_equal(kerf_fluid_start(fluid, now, &flow, &id, NULL), KERF_OK);
    return id;
}

static void near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-9 * fabs(expected)))
        fail_msg("%.17g is not %.17g", value, expected);
}

/* The next end must be that of `id` at `expected`. */
static void ends(struct kerf_fluid *fluid, uint32_t id, kerf_time expected)
{
    uint32_t ended;
    kerf_time end;
    assert_int_equal(kerf_fluid_next(fluid), expected);
    assert_false(kerf_fluid_finish(fluid, expected - 1, &ended, &end));
    assert_true(kerf_fluid_finish(fluid, expected, &ended, &end));
    assert_int_equal(ended, id);
    assert_int_equal(end, expected);
}

/* One flow takes bytes / capacity of the slowest link: 3e9 B at 1e9 B/s. */
static void a_flow_alone_is_as_fast_as_its_slowest_link(void **unused)
{
    (void)unused;
    struct kerf_fluid *fluid = network((double[]){4e9, 1e9, 2e9}, 3);
    assert_int_equal(kerf_fluid_next(fluid), KERF_TIME_NEVER);
    uint32_t id = start(fluid, 500, (uint32_t[]){0, 1, 2}, 3, 3e9);
    assert_true(kerf_fluid_rate_Bps(fluid, id) == 1e9);
    near(kerf_fluid_bytes_left(fluid, id, 500 + 1000000000000), 2e9);
    ends(fluid, id, 500 + 3000000000000);
    assert_int_equal(kerf_fluid_next(fluid), KERF_TIME_NEVER);
    assert_true(kerf_fluid_load_Bps(fluid, 1) == 0);
    kerf_fluid_free(fluid);
}

/* 1e9 B and 3e9 B on 1e9 B/s: halves until 2 s, when the first is through; the second then alone: 4 s. A
 * third that comes at 3 s finds 1e9 B left and takes half: both end at 5 s if it has 1e9 B. */
static void two_flows_share_a_link(void **unused)
{
    (void)unused;
    struct kerf_fluid *fluid = network((double[]){1e9}, 1);
    uint32_t path[] = {0};
    uint32_t small = start(fluid, 0, path, 1, 1e9), large = start(fluid, 0, path, 1, 3e9);
    assert_true(kerf_fluid_rate_Bps(fluid, small) == 5e8);
    ends(fluid, small, 2000000000000);
    assert_true(kerf_fluid_rate_Bps(fluid, large) == 1e9);
    assert_int_equal(kerf_fluid_next(fluid), 4000000000000);
    uint32_t third = start(fluid, 3000000000000, path, 1, 1e9);
    assert_int_equal(third, small); /* numbers are used again */
    ends(fluid, third, 5000000000000);
    ends(fluid, large, 5000000000000);
    kerf_fluid_free(fluid);
}

/* Bertsekas and Gallager, Data Networks, 2nd ed., section 6.5.2, a parking lot: one flow over links of 1, 1
 * and 2, two flows more on the first link, one each on the others. 1/3 on the first, then 2/3 and 5/3. */
static void a_parking_lot_has_the_rates_of_the_textbook(void **unused)
{
    (void)unused;
    struct kerf_fluid *fluid = network((double[]){1e9, 1e9, 2e9}, 3);
    uint32_t through = start(fluid, 0, (uint32_t[]){0, 1, 2}, 3, 1e9);
    uint32_t first = start(fluid, 0, (uint32_t[]){0}, 1, 1e9),
             again = start(fluid, 0, (uint32_t[]){0}, 1, 1e9);
    uint32_t second = start(fluid, 0, (uint32_t[]){1}, 1, 1e9),
             third = start(fluid, 0, (uint32_t[]){2}, 1, 1e9);
    near(kerf_fluid_rate_Bps(fluid, through), 1e9 / 3);
    near(kerf_fluid_rate_Bps(fluid, first), 1e9 / 3);
    near(kerf_fluid_rate_Bps(fluid, again), 1e9 / 3);
    near(kerf_fluid_rate_Bps(fluid, second), 2e9 / 3);
    near(kerf_fluid_rate_Bps(fluid, third), 5e9 / 3);
    ends(fluid, third, 600000000000);
    kerf_fluid_free(fluid);
}

/* A cap is a limit like a link's; what it leaves goes to the others. With a cap, a flow needs no link. */
static void a_capped_flow_leaves_the_rest_to_others(void **unused)
{
    (void)unused;
    struct kerf_fluid *fluid = network((double[]){1e9}, 1);
    uint32_t path[] = {0}, capped, alone, other = start(fluid, 0, path, 1, 1e9);
    struct kerf_fluid_flow flow = {.path = path, .hops = 1, .bytes = 1e9, .cap_Bps = 1e8};
    assert_int_equal(kerf_fluid_start(fluid, 0, &flow, &capped, NULL), KERF_OK);
    flow.hops = 0;
    assert_int_equal(kerf_fluid_start(fluid, 0, &flow, &alone, NULL), KERF_OK);
    near(kerf_fluid_rate_Bps(fluid, capped), 1e8);
    near(kerf_fluid_rate_Bps(fluid, alone), 1e8);
    near(kerf_fluid_rate_Bps(fluid, other), 9e8);
    kerf_fluid_free(fluid);
}

/* No bytes, no time, and nobody is slowed down; any byte takes a picosecond. */
static void a_flow_of_no_bytes_ends_at_once(void **unused)
{
    (void)unused;
    struct kerf_fluid *fluid = network((double[]){1e9}, 1);
    uint32_t path[] = {0}, other = start(fluid, 7, path, 1, 1e9), none = start(fluid, 7, path, 1, 0);
    assert_true(kerf_fluid_rate_Bps(fluid, other) == 1e9);
    ends(fluid, none, 7);
    uint32_t least = start(fluid, 7, path, 1, 1e-9);
    ends(fluid, least, 8);
    kerf_fluid_free(fluid);
}

/* ---- random networks ---- */

struct model {
    double capacity_Bps[LINKS];
    struct {
        bool is_on;
        uint32_t id, hops, path[PATH];
        double cap_Bps, bytes, sent, rate_Bps;
    } flow[FLOWS];
    uint64_t seed, drawn;
};

static uint32_t draw(struct model *model, uint32_t below)
{
    return (uint32_t)(kerf_random_uniform(model->seed, 1, model->drawn++) * below);
}

/* Capacities from few values, so that ties are common. */
static void make_model(struct model *model, uint64_t seed)
{
    *model = (struct model){.seed = seed};
    for (uint32_t l = 0; l < LINKS; l++)
        model->capacity_Bps[l] =
            seed % 2 ? 1e9 * (1 + draw(model, 4)) : 1e9 * (0.1 + draw(model, 1000) * 1e-3);
}

static uint32_t model_start(struct model *model, struct kerf_fluid *fluid, uint32_t f, kerf_time now)
{
    uint32_t all[LINKS];
    for (uint32_t l = 0; l < LINKS; l++)
        all[l] = l;
    model->flow[f].hops = 1 + draw(model, PATH);
    for (uint32_t i = 0; i < model->flow[f].hops; i++) { /* without repetition */
        uint32_t pick = i + draw(model, LINKS - i), link = all[pick];
        all[pick] = all[i];
        model->flow[f].path[i] = link;
    }
    model->flow[f].is_on = true;
    model->flow[f].bytes = 1e6 * (1 + draw(model, 100));
    model->flow[f].sent = 0;
    model->flow[f].cap_Bps = draw(model, 4) == 0 ? 1e8 * (1 + draw(model, 5)) : 0;
    struct kerf_fluid_flow flow = {.path = model->flow[f].path,
                                   .hops = model->flow[f].hops,
                                   .bytes = model->flow[f].bytes,
                                   .cap_Bps = model->flow[f].cap_Bps};
    assert_int_equal(kerf_fluid_start(fluid, now, &flow, &model->flow[f].id, NULL), KERF_OK);
    return model->flow[f].id;
}

static bool passes(const struct model *model, uint32_t f, uint32_t link)
{
    for (uint32_t i = 0; model->flow[f].is_on && i < model->flow[f].hops; i++)
        if (model->flow[f].path[i] == link)
            return true;
    return false;
}

/* How far all flows not yet `stopped` can rise together. */
static double next_level(const struct model *model, const bool *stopped, const double *rate)
{
    double level = INFINITY;
    for (uint32_t l = 0; l < LINKS; l++) {
        double left = model->capacity_Bps[l];
        uint32_t rising = 0;
        for (uint32_t f = 0; f < FLOWS; f++)
            if (passes(model, f, l)) {
                rising += !stopped[f];
                left -= stopped[f] ? rate[f] : 0;
            }
        if (rising > 0)
            level = fmin(level, left / rising);
    }
    for (uint32_t f = 0; f < FLOWS; f++)
        if (model->flow[f].is_on && !stopped[f] && model->flow[f].cap_Bps > 0)
            level = fmin(level, model->flow[f].cap_Bps);
    return level;
}

/* Whether a flow at this level can rise no further: its cap, or a link that is full if all rising are at it.
 */
static bool is_stopped_at(const struct model *model, uint32_t f, const bool *stopped, const double *rate,
                          double level)
{
    if (model->flow[f].cap_Bps > 0 && model->flow[f].cap_Bps <= level * (1 + 1e-12))
        return true;
    for (uint32_t i = 0; i < model->flow[f].hops; i++) {
        double used = 0;
        for (uint32_t g = 0; g < FLOWS; g++)
            if (passes(model, g, model->flow[f].path[i]))
                used += stopped[g] ? rate[g] : level;
        if (used >= model->capacity_Bps[model->flow[f].path[i]] * (1 - 1e-12))
            return true;
    }
    return false;
}

/* Progressive filling by its definition, over all links and flows. */
static void fill_by_definition(const struct model *model, double *rate)
{
    bool stopped[FLOWS];
    uint32_t rising = 0;
    for (uint32_t f = 0; f < FLOWS; f++) {
        stopped[f] = !model->flow[f].is_on;
        rising += model->flow[f].is_on;
    }
    while (rising > 0) {
        bool stops[FLOWS];
        double level = next_level(model, stopped, rate);
        for (uint32_t f = 0; f < FLOWS; f++)
            stops[f] = !stopped[f] && is_stopped_at(model, f, stopped, rate, level);
        for (uint32_t f = 0; f < FLOWS; f++)
            if (stops[f]) {
                stopped[f] = true;
                rate[f] = level;
                rising--;
            }
    }
}

static void rates_equal_the_definition(const struct model *model, struct kerf_fluid *fluid)
{
    double rate[FLOWS];
    fill_by_definition(model, rate);
    for (uint32_t f = 0; f < FLOWS; f++)
        if (model->flow[f].is_on)
            near(kerf_fluid_rate_Bps(fluid, model->flow[f].id), rate[f]);
}

/* The optimality condition: no link is too full, and every flow is at its cap or has a full link on which no
 * flow is faster. */
static void every_flow_has_a_bottleneck(const struct model *model, struct kerf_fluid *fluid)
{
    double load[LINKS] = {0}, fastest[LINKS] = {0};
    for (uint32_t f = 0; f < FLOWS; f++)
        for (uint32_t i = 0; model->flow[f].is_on && i < model->flow[f].hops; i++) {
            double rate = kerf_fluid_rate_Bps(fluid, model->flow[f].id);
            load[model->flow[f].path[i]] += rate;
            fastest[model->flow[f].path[i]] = fmax(fastest[model->flow[f].path[i]], rate);
        }
    for (uint32_t l = 0; l < LINKS; l++)
        assert_true(load[l] <= model->capacity_Bps[l] * (1 + 1e-9));
    for (uint32_t f = 0; f < FLOWS; f++) {
        if (!model->flow[f].is_on)
            continue;
        double rate = kerf_fluid_rate_Bps(fluid, model->flow[f].id);
        bool has = model->flow[f].cap_Bps > 0 && rate >= model->flow[f].cap_Bps * (1 - 1e-9);
        for (uint32_t i = 0; i < model->flow[f].hops; i++) {
            uint32_t l = model->flow[f].path[i];
            has |= load[l] >= model->capacity_Bps[l] * (1 - 1e-9) && rate >= fastest[l] * (1 - 1e-9);
        }
        assert_true(has);
    }
}

/* Many starts at one instant. */
static void random_networks_are_max_min_fair(void **unused)
{
    (void)unused;
    static struct model model;
    for (uint64_t seed = 1; seed <= FLOWS; seed++) {
        make_model(&model, seed);
        struct kerf_fluid *fluid = network(model.capacity_Bps, LINKS);
        for (uint32_t f = 0; f < seed; f++)
            model_start(&model, fluid, f, 0);
        every_flow_has_a_bottleneck(&model, fluid);
        rates_equal_the_definition(&model, fluid);
        kerf_fluid_free(fluid);
    }
}

/* What each flow sent from `then` to `now` at the rates in between. */
static void send(struct model *model, kerf_time then, kerf_time now)
{
    for (uint32_t f = 0; f < FLOWS; f++)
        if (model->flow[f].is_on)
            model->flow[f].sent += model->flow[f].rate_Bps * kerf_time_to_s(now - then);
}

static void end_flow(struct model *model, uint32_t id)
{
    for (uint32_t f = 0; f < FLOWS; f++)
        if (model->flow[f].is_on && model->flow[f].id == id) {
            model->flow[f].is_on = false;
            /* rounded up to ps, at the last rate, plus what doubles lose */
            double late = model->flow[f].sent - model->flow[f].bytes;
            assert_true(late > -1e-6 && late < 1e-6 + 2e-12 * model->flow[f].rate_Bps);
            return;
        }
    fail_msg("a flow ended that is not under way");
}

/* 400 starts and as many ends, some at one instant: the rates equal progressive filling anew after each
 * instant, and what was sent (rate x time) equals the bytes when the flow ends. */
static void rates_and_bytes_are_right_after_hundreds_of_changes(void **unused)
{
    (void)unused;
    static struct model model;
    for (uint64_t seed = 101; seed <= 102; seed++) {
        make_model(&model, seed);
        struct kerf_fluid *fluid = network(model.capacity_Bps, LINKS);
        kerf_time now = 0;
        for (uint32_t started = 0;;) {
            for (uint32_t f = 0, some = 1 + draw(&model, 3); f < FLOWS && some > 0 && started < 400; f++)
                if (!model.flow[f].is_on) {
                    model_start(&model, fluid, f, now);
                    some--;
                    started++;
                }
            kerf_time then = now, next = kerf_fluid_next(fluid);
            if (next == KERF_TIME_NEVER)
                break;
            rates_equal_the_definition(&model, fluid);
            every_flow_has_a_bottleneck(&model, fluid);
            for (uint32_t f = 0; f < FLOWS; f++)
                if (model.flow[f].is_on)
                    model.flow[f].rate_Bps = kerf_fluid_rate_Bps(fluid, model.flow[f].id);
            now = draw(&model, 3) == 0 && started < 400 ? then + (next - then) / 2 : next;
            send(&model, then, now);
            uint32_t id;
            while (kerf_fluid_finish(fluid, now, &id, NULL))
                end_flow(&model, id);
        }
        for (uint32_t f = 0; f < FLOWS; f++)
            assert_false(model.flow[f].is_on);
        kerf_fluid_free(fluid);
    }
}

/* The same calls give the same bits. */
static void the_same_calls_give_the_same_ends(void **unused)
{
    (void)unused;
    static struct model model;
    kerf_time end[2][FLOWS];
    for (int run = 0; run < 2; run++) {
        make_model(&model, 9);
        struct kerf_fluid *fluid = network(model.capacity_Bps, LINKS);
        for (uint32_t f = 0; f < FLOWS; f++)
            model_start(&model, fluid, f, 0);
        for (uint32_t f = 0, id; f < FLOWS; f++)
            assert_true(kerf_fluid_finish(fluid, kerf_fluid_next(fluid), &id, &end[run][f]));
        kerf_fluid_free(fluid);
    }
    assert_memory_equal(end[0], end[1], sizeof end[0]);
}

/* ---- fat trees ---- */

static struct kerf_fluid *fat_tree(uint32_t k, double capacity_Bps)
{
    uint32_t links = fat_tree_links(k);
    double *capacity = malloc(links * sizeof *capacity);
    assert_non_null(capacity);
    for (uint32_t l = 0; l < links; l++)
        capacity[l] = capacity_Bps;
    struct kerf_fluid *fluid = network(capacity, links);
    free(capacity);
    return fluid;
}

/* Lets everything end; the number of flows and the time of the last end. */
static uint32_t run_out(struct kerf_fluid *fluid, kerf_time *last)
{
    uint32_t count = 0, id;
    for (kerf_time now; (now = kerf_fluid_next(fluid)) < KERF_TIME_NEVER;)
        while (kerf_fluid_finish(fluid, now, &id, last))
            count++;
    return count;
}

/* All send to host 0: its link carries N x bytes, so all end at N x bytes / C, here 127 x 1e6 / 1e9 s. All at
 * once, so two solves do. */
static void an_incast_takes_the_time_of_the_last_link(void **unused)
{
    (void)unused;
    uint32_t k = 8, hosts = fat_tree_hosts(k), path[FAT_TREE_HOPS];
    struct kerf_fluid *fluid = fat_tree(k, 1e9);
    for (uint32_t from = 1; from < hosts; from++)
        start(fluid, 0, path, fat_tree_path(k, from, 0, from % 4, from / 4 % 4, path), 1e6);
    kerf_time last;
    assert_int_equal(run_out(fluid, &last), hosts - 1);
    assert_int_equal(last, (kerf_time)127 * 1000000000);
    assert_int_equal(kerf_fluid_stats(fluid).solves, 2);
    kerf_fluid_free(fluid);
}

/* Full bisection: a shift by half of the hosts, routed by the sender's place in its pod, uses every link
 * once, so each flow runs at full rate. */
static void a_permutation_runs_at_full_rate(void **unused)
{
    (void)unused;
    uint32_t k = 8, hosts = fat_tree_hosts(k), path[FAT_TREE_HOPS];
    struct kerf_fluid *fluid = fat_tree(k, 1e9);
    for (uint32_t from = 0; from < hosts; from++) {
        uint32_t to = (from + hosts / 2) % hosts;
        uint32_t id = start(fluid, 0, path, fat_tree_path(k, from, to, from % 4, from / 4 % 4, path), 1e6);
        assert_true(kerf_fluid_rate_Bps(fluid, id) == 1e9);
    }
    kerf_time last;
    assert_int_equal(run_out(fluid, &last), hosts);
    assert_int_equal(last, 1000000000);
    kerf_fluid_free(fluid);
}

/* All-to-all of one size by shifts, all at once. More capacity everywhere is never later, and twice the
 * capacity takes half the time. */
static void more_capacity_does_not_delay_the_last_end(void **unused)
{
    (void)unused;
    uint32_t k = 4, hosts = fat_tree_hosts(k), path[FAT_TREE_HOPS];
    kerf_time before = KERF_TIME_NEVER, last, at_one = 0;
    for (int step = 4; step <= 8; step++) {
        struct kerf_fluid *fluid = fat_tree(k, 0.25e9 * step);
        for (uint32_t from = 0; from < hosts; from++)
            for (uint32_t to = 0; to < hosts; to++)
                if (to != from)
                    start(fluid, 0, path, fat_tree_path(k, from, to, to % 2, to / 2 % 2, path), 1e6);
        assert_int_equal(run_out(fluid, &last), hosts * (hosts - 1));
        assert_true(last < before);
        before = last;
        at_one = step == 4 ? last : at_one;
        kerf_fluid_free(fluid);
    }
    near((double)last, (double)at_one / 2);
}

/* A change far away is not looked at: of 1000 pairs on links of their own one flow ends, and one gets a new
 * rate. */
static void a_change_stays_where_it_matters(void **unused)
{
    (void)unused;
    enum { PAIRS = 1000 };
    static double capacity_Bps[PAIRS];
    for (uint32_t l = 0; l < PAIRS; l++)
        capacity_Bps[l] = 1e9;
    struct kerf_fluid *fluid = network(capacity_Bps, PAIRS);
    for (uint32_t l = 0; l < PAIRS; l++) {
        start(fluid, 0, &l, 1, l == 0 ? 1e6 : 1e9);
        start(fluid, 0, &l, 1, 1e9);
    }
    ends(fluid, 0, 2000000000);
    assert_true(kerf_fluid_rate_Bps(fluid, 1) == 1e9);
    assert_int_equal(kerf_fluid_stats(fluid).flows_rated, 2 * PAIRS + 1);
    kerf_fluid_free(fluid);
}

/* ---- errors ---- */

static void refuses(struct kerf_fluid *fluid, kerf_time now, struct kerf_fluid_flow flow,
                    enum kerf_status status, const char *words)
{
    uint32_t id;
    struct kerf_error error = {0};
    assert_int_equal(kerf_fluid_start(fluid, now, &flow, &id, &error), status);
    assert_non_null(strstr(error.message, words));
}

static void impossible_flows_are_refused(void **unused)
{
    (void)unused;
    struct kerf_fluid *fluid = network((double[]){1e9, 1e9}, 2);
    uint32_t good[] = {0, 1, 0, 1, 0, 1, 0}, bad[] = {0, 2};
    start(fluid, 10, good, 2, 1e3);
    struct kerf_fluid_flow flow = {.path = good, .hops = 2, .bytes = 1};
#define WITH(field, value) (flow = (struct kerf_fluid_flow){good, 2, 1, 0}, flow.field = (value), flow)
    refuses(fluid, 10, WITH(path, bad), KERF_ERR_USAGE, "link 2 on a path; there are 2");
    refuses(fluid, 10, WITH(hops, 7), KERF_ERR_USAGE, "at most 6");
    refuses(fluid, 10, WITH(hops, 0), KERF_ERR_USAGE, "path or a cap");
    refuses(fluid, 10, WITH(bytes, -1), KERF_ERR_USAGE, "-1");
    refuses(fluid, 10, WITH(bytes, NAN), KERF_ERR_USAGE, "nan");
    refuses(fluid, 10, WITH(cap_Bps, -5), KERF_ERR_USAGE, "-5");
    refuses(fluid, 9, WITH(bytes, 1), KERF_ERR_FAILURE, "after a change at 10 ps");
    refuses(fluid, 1000011, WITH(bytes, 1), KERF_ERR_FAILURE, "one ended at 1000010 ps");
#undef WITH
    ends(fluid, 0, 1000010); /* as if nothing had been tried */
    kerf_fluid_free(fluid);
}

static void impossible_capacities_are_refused(void **unused)
{
    (void)unused;
    const double bad[] = {0, -1e9, NAN, INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kerf_fluid *fluid = NULL;
        struct kerf_error error = {0};
        double capacity_Bps[] = {1e9, bad[i]};
        assert_int_equal(kerf_fluid_create(capacity_Bps, 2, 4, &fluid, &error), KERF_ERR_USAGE);
        assert_non_null(strstr(error.message, "link 1: the capacity"));
        assert_null(fluid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow_alone_is_as_fast_as_its_slowest_link),
        cmocka_unit_test(two_flows_share_a_link),
        cmocka_unit_test(a_parking_lot_has_the_rates_of_the_textbook),
        cmocka_unit_test(a_capped_flow_leaves_the_rest_to_others),
        cmocka_unit_test(a_flow_of_no_bytes_ends_at_once),
        cmocka_unit_test(random_networks_are_max_min_fair),
        cmocka_unit_test(rates_and_bytes_are_right_after_hundreds_of_changes),
        cmocka_unit_test(the_same_calls_give_the_same_ends),
        cmocka_unit_test(an_incast_takes_the_time_of_the_last_link),
        cmocka_unit_test(a_permutation_runs_at_full_rate),
        cmocka_unit_test(more_capacity_does_not_delay_the_last_end),
        cmocka_unit_test(a_change_stays_where_it_matters),
        cmocka_unit_test(impossible_flows_are_refused),
        cmocka_unit_test(impossible_capacities_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
