/* Goodput in closed form. Between two checkpoints lie tau of training and a stall of C. With failures at rate
 * 1 / M, each followed by a mean time K before all is begun again, x without a failure takes
 * (e^(x / M) - 1) (M + K) on average (A. Duda, Inf. Process. Lett. 16, 1983; Daly, FGCS 22(3), 2006). */
#include "models/training/failures.h"

#include <math.h>

/* Rates of failures, of all and of those that need a spare. */
static void add_rates(const struct kerf_reliability *r, double *all, double *repaired)
{
    *all = *repaired = 0.0;
    for (size_t i = 0; i < r->parts; i++) {
        double rate = r->part[i].count / r->part[i].mtbf_s;
        *all += rate;
        *repaired += r->part[i].needs_repair ? rate : 0.0;
    }
}

/* Time for a length without failures. At rate 0 it is the length. */
static double stretched(double length_s, double rate, double after_s)
{
    return rate > 0.0 ? expm1(length_s * rate) * (1.0 / rate + after_s) : length_s;
}

/* From a failure until training goes on: detection, then a restart that may fail and be detected in turn. */
static double outage_s(const struct kerf_reliability *r, double rate)
{
    return r->detection_s + stretched(r->restart_s, rate, r->detection_s);
}

/* Time for tau of training, its checkpoint included. A checkpoint that is not yet written is no help: of the
 * failures those within write_s after it cost the tau before as well, on average write_s each. */
static double segment_s(const struct kerf_reliability *r, const struct kerf_goodput *g, double rate,
                        double tau_s)
{
    return stretched(tau_s + g->stall_s, rate, outage_s(r, rate) + g->write_s);
}

/* The tau for which a segment takes least per training. d/d tau of (e^((tau + C) / M) - 1) / tau is 0 where
 * f(y) = (1 - y) e^y = e^(-C / M), y = tau / M in [0, 1); f falls. */
static double best_interval_s(double stall_s, double rate)
{
    double low = 0.0, high = 1.0, target = exp(-stall_s * rate);
    for (int i = 0; i < 100; i++) {
        double y = 0.5 * (low + high);
        if ((1.0 - y) * exp(y) > target)
            low = y;
        else
            high = y;
    }
    return 0.5 * (low + high) / rate;
}

/* Eq. 37: perturbation of Young's first order, for C < 2 M. */
static double daly_interval_s(double stall_s, double mtbf_s)
{
    double share = stall_s / (2.0 * mtbf_s);
    if (share >= 1.0)
        return mtbf_s;
    return sqrt(2.0 * stall_s * mtbf_s) * (1.0 + sqrt(share) / 3.0 + share / 9.0) - stall_s;
}

/* Erlang's loss formula: the share of time in which all of `servers` are taken. Units in repair are a birth
 * and death process that stops at one more than there are spares, for then the job stands; it holds for
 * repair times of any distribution. */
static double erlang_b(double servers, double load)
{
    double blocked = 1.0;
    for (double k = 1.0; k <= servers; k += 1.0)
        blocked = load * blocked / (k + load * blocked);
    return blocked;
}

/* The share of time in which an accelerator is slow and not yet found: arrivals at random that stay for a
 * while (M/G/infinity). */
static double slow_share(const struct kerf_reliability *r)
{
    if (r->straggler_mtbf_s <= 0.0)
        return 0.0;
    return -expm1(-r->accelerators / r->straggler_mtbf_s * r->straggler_found_s);
}

static enum kerf_status check(const struct kerf_reliability *r, struct kerf_error *error)
{
    for (size_t i = 0; i < r->parts; i++)
        KERF_CHECK(
            r->part[i].count >= 0.0 && r->part[i].mtbf_s > 0.0, KERF_ERR_USAGE,
            "failures of %s: %g parts with %g s between failures of one: neither may be negative, and the "
            "time must be more than 0",
            r->part[i].name, r->part[i].count, r->part[i].mtbf_s);
    KERF_CHECK(
        r->detection_s >= 0.0 && r->restart_s >= 0.0 && r->repair_s >= 0.0 && r->spares >= 0.0 &&
            r->interval_s >= 0.0 && r->planned_s >= 0.0 && r->planned_every_s >= 0.0,
        KERF_ERR_USAGE,
        "failures: detection, restart, repair, spares, interval and planned stops must not be negative");
    KERF_CHECK(r->checkpoint.bytes >= 0.0 && (r->checkpoint.bytes <= 0.0 || r->checkpoint.storage_Bps > 0.0),
               KERF_ERR_USAGE, "a checkpoint of %g bytes wants storage of more than %g B/s",
               r->checkpoint.bytes, r->checkpoint.storage_Bps);
    KERF_CHECK(r->straggler_mtbf_s <= 0.0 || (r->straggler_factor >= 1.0 && r->straggler_found_s >= 0.0),
               KERF_ERR_USAGE, "a straggler makes a job at least 1 time as long (got %g)",
               r->straggler_factor);
    KERF_CHECK(r->planned_every_s <= 0.0 || r->planned_s < r->planned_every_s, KERF_ERR_USAGE,
               "planned stops of %g s every %g s leave no time", r->planned_s, r->planned_every_s);
    return KERF_OK;
}

static void checkpoint_times(const struct kerf_checkpoint_io *io, struct kerf_goodput *g)
{
    bool direct = io->snapshot_Bps <= 0.0;
    double written_s = io->bytes > 0.0 ? io->bytes / io->storage_Bps : 0.0;
    g->stall_s = io->bytes > 0.0 && !direct ? io->bytes / io->snapshot_Bps : written_s;
    g->write_s = direct ? 0.0 : written_s;
}

static enum kerf_status choose_interval(const struct kerf_reliability *r, double rate, struct kerf_goodput *g,
                                        struct kerf_error *error)
{
    g->mtbf_s = rate > 0.0 ? 1.0 / rate : INFINITY;
    g->young_s = sqrt(2.0 * g->stall_s * g->mtbf_s);
    g->daly_s = rate > 0.0 ? daly_interval_s(g->stall_s, g->mtbf_s) : INFINITY;
    g->best_s = rate > 0.0 ? fmax(best_interval_s(g->stall_s, rate), g->write_s) : INFINITY;
    g->interval_s = r->interval_s > 0.0 ? r->interval_s : g->best_s;
    KERF_CHECK(rate <= 0.0 || g->stall_s > 0.0 || r->interval_s > 0.0, KERF_ERR_USAGE,
               "a job that fails wants checkpoints: give the bytes of one, or the interval between them");
    KERF_CHECK(
        g->interval_s + g->stall_s >= g->write_s, KERF_ERR_USAGE,
        "a checkpoint every %g s, and one takes %g s to write: take a longer interval or faster storage",
        g->interval_s, g->write_s);
    return KERF_OK;
}

/* Parts of the time in which the job is neither planned to stand nor waits for a spare. */
static void share_out(const struct kerf_reliability *r, double rate, struct kerf_goodput *g)
{
    struct kerf_job_shares *share = &g->share;
    double tau_s = g->interval_s;
    if (isinf(tau_s)) { /* no failures, no checkpoints */
        share->effective = 1.0;
        return;
    }
    double whole_s = segment_s(r, g, rate, tau_s), outage = outage_s(r, rate);
    /* One per M of the time in which it is not down. */
    double failures = rate > 0.0 ? whole_s / (g->mtbf_s + outage) : 0.0;
    share->effective = tau_s / whole_s;
    share->checkpoints = g->stall_s / whole_s;
    share->down = failures * outage / whole_s;
    share->rework = 1.0 - share->effective - share->checkpoints - share->down;
    /* A restart that fails is a failure too. */
    g->failures_per_s = failures * exp(r->restart_s * rate) / whole_s;
}

enum kerf_status kerf_goodput_of(const struct kerf_reliability *r, struct kerf_goodput *goodput,
                                 struct kerf_error *error)
{
    struct kerf_job_shares *share = &goodput->share;
    double rate, repaired;
    *goodput = (struct kerf_goodput){0};
    KERF_TRY(check(r, error));
    add_rates(r, &rate, &repaired);
    checkpoint_times(&r->checkpoint, goodput);
    KERF_TRY(choose_interval(r, rate, goodput, error));
    share_out(r, rate, goodput);
    KERF_CHECK(
        isfinite(share->rework) && share->effective > 1e-9, KERF_ERR_USAGE,
        "a failure every %g s on average, checkpoints every %g s and %g s to go on after a failure: the job "
        "never gets ahead",
        goodput->mtbf_s, goodput->interval_s, r->detection_s + r->restart_s);
    double planned = r->planned_every_s > 0.0 ? r->planned_s / r->planned_every_s : 0.0;
    double waiting = erlang_b(r->spares + 1.0, repaired * r->repair_s) * (1.0 - planned);
    double rest = 1.0 - planned - waiting;
    share->effective *= rest;
    share->checkpoints *= rest;
    share->rework *= rest;
    share->down *= rest;
    share->planned = planned;
    share->waiting = waiting;
    goodput->failures_per_s *= rest;
    /* While somebody is slow, 1 / factor of the time is work. */
    double lost = slow_share(r) * (1.0 - 1.0 / fmax(r->straggler_factor, 1.0));
    share->straggling = share->effective * lost;
    share->effective -= share->straggling;
    return KERF_OK;
}

double kerf_step_with_input_s(double step_s, double samples_per_step, double hosts,
                              double samples_per_s_and_host)
{
    return fmax(step_s, samples_per_step / (hosts * samples_per_s_and_host));
}

double kerf_time_to_train_s(const struct kerf_goodput *goodput, double tokens, double tokens_per_step,
                            double step_s)
{
    return ceil(tokens / tokens_per_step) * step_s / goodput->share.effective;
}
