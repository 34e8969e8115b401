/* The study room: the engine's statistics as text. */
#include "sim/study/engine_text.h"

#include <math.h>
#include <stdbool.h>

enum { BAR_WIDTH = 40 };

/* Below so many events per round and rank, meeting costs about as much as working. */
static const double events_worth_meeting = 100.0;

static void print_shares(FILE *out, const struct kerf_engine_stats *stats)
{
    double sum_s = stats->handler_s + stats->queue_s + stats->exchange_s + stats->waiting_s;
    if (sum_s > 0.0)
        fprintf(out,
                "time of all ranks: %.0f %% handlers (sampled), %.0f %% queue, %.0f %% exchange, %.0f %% "
                "waiting\n",
                100.0 * stats->handler_s / sum_s, 100.0 * stats->queue_s / sum_s,
                100.0 * stats->exchange_s / sum_s, 100.0 * stats->waiting_s / sum_s);
}

static void print_delays(FILE *out, const struct kerf_engine_stats *stats)
{
    uint64_t most = 0;
    for (int i = 0; i < KERF_DELAY_CLASSES; i++)
        most = stats->delays[i] > most ? stats->delays[i] : most;
    if (most == 0)
        return;
    fprintf(out, "delays between logical processes (smallest declared lookahead %.3g us):\n",
            stats->lookahead_least_s * 1e6);
    for (int i = 1; i < KERF_DELAY_CLASSES; i++) {
        if (stats->delays[i] == 0)
            continue;
        int length = (int)ceil((double)stats->delays[i] / (double)most * BAR_WIDTH);
        fprintf(out, "  %9.3g us and more %12llu ", ldexp(1e-6, i - 1), (unsigned long long)stats->delays[i]);
        for (int k = 0; k < length; k++)
            fputc('#', out);
        fputc('\n', out);
    }
    for (int i = 0; i < stats->kind_pairs; i++)
        fprintf(out, "  least from %s to %s: %.3g us\n", stats->least_delay[i].from, stats->least_delay[i].to,
                stats->least_delay[i].least_s * 1e6);
}

static void print_advice(FILE *out, const struct kerf_engine_stats *stats, int ranks)
{
    double per_round = (double)stats->events_now / (double)(stats->rounds ? stats->rounds : 1) / ranks;
    if (ranks > 1 && per_round < events_worth_meeting)
        fprintf(out,
                "advice: %.0f events per round and rank are few; fewer ranks, or ranks cut along longer "
                "links, would be faster\n",
                per_round);
}

void kerf_engine_stats_print(FILE *out, const struct kerf_engine_stats *stats, int ranks, double wall_s)
{
    double rounds = (double)(stats->rounds ? stats->rounds : 1);
    double windows = (double)(stats->windows ? stats->windows : 1);
    fprintf(out, "\n%llu events of %llu logical processes in %.2f s (%.2f M events/s)\n",
            (unsigned long long)stats->events, (unsigned long long)stats->lps, wall_s,
            (double)stats->events_now * 1e-6 / wall_s);
    if (stats->events_now < stats->events)
        fprintf(out, "%llu of them since the restart; what follows is of these\n",
                (unsigned long long)stats->events_now);
    if (stats->lps_simulated < stats->lps)
        fprintf(out, "%llu logical processes simulated, the others are like one of them (--full: all)\n",
                (unsigned long long)stats->lps_simulated);
    fprintf(out,
            "%llu windows of %.1f events, %llu rounds of %.0f events (%.0f rounds/s), %llu events between "
            "ranks in %llu messages\n",
            (unsigned long long)stats->windows, (double)stats->events_now / windows,
            (unsigned long long)stats->rounds, (double)stats->events_now / rounds, rounds / wall_s,
            (unsigned long long)stats->remote_events, (unsigned long long)stats->messages);
    fprintf(out, "%llu to %llu events per rank\n", (unsigned long long)stats->events_least,
            (unsigned long long)stats->events_most);
    print_shares(out, stats);
    print_delays(out, stats);
    print_advice(out, stats, ranks);
}
