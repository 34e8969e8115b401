/* The engine room: what the run did, agreed among the ranks. */
#include "sim/engine/agree.h"
#include "sim/engine/engine_state.h"

#include <string.h>
#include <xxhash.h>

/* LPs that hold no state of their own (folded away) count through their representative only. */
static uint64_t digest_here(const struct kerf_engine *engine)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < engine->here; i++) {
        const uint64_t words[2] = {engine->lp[i].id, engine->lp[i].digest};
        sum += XXH3_64bits(words, sizeof words);
    }
    return sum;
}

static void sum_up_delays(struct kerf_engine *engine)
{
    struct kerf_engine_stats *stats = &engine->stats;
    int pairs = engine->kinds * engine->kinds;
    MPI_Allreduce(MPI_IN_PLACE, stats->delays, KERF_DELAY_CLASSES, MPI_UINT64_T, MPI_SUM, engine->comm);
    MPI_Allreduce(MPI_IN_PLACE, engine->least_delay, pairs, MPI_INT64_T, MPI_MIN, engine->comm);
    for (int i = 0; i < pairs && stats->kind_pairs < KERF_KIND_PAIRS; i++)
        if (engine->least_delay[i] != KERF_TIME_NEVER)
            stats->least_delay[stats->kind_pairs++] =
                (struct kerf_delay_seen){.from = engine->kind[i / engine->kinds]->name,
                                         .to = engine->kind[i % engine->kinds]->name,
                                         .least_s = kerf_time_to_s(engine->least_delay[i])};
}

static void sum_up_seconds(struct kerf_engine *engine, const struct kerf_exchange_counts *mail)
{
    struct kerf_engine_stats *stats = &engine->stats;
    double handler_s = (engine->sampled_handle_s - engine->sampled_send_s) * KERF_EVENTS_PER_SAMPLE;
    handler_s = handler_s > stats->queue_s ? stats->queue_s : handler_s > 0.0 ? handler_s : 0.0;
    double seconds[4] = {handler_s, stats->queue_s - handler_s, mail->seconds - mail->waiting_s,
                         mail->waiting_s};
    MPI_Allreduce(MPI_IN_PLACE, seconds, 4, MPI_DOUBLE, MPI_SUM, engine->comm);
    stats->handler_s = seconds[0];
    stats->queue_s = seconds[1];
    stats->exchange_s = seconds[2];
    stats->waiting_s = seconds[3];
}

void kerf_engine_sum_up(struct kerf_engine *engine)
{
    struct kerf_engine_stats *stats = &engine->stats;
    struct kerf_exchange_counts mail = {0};
    if (engine->exchange)
        mail = kerf_exchange_counts(engine->exchange);
    uint64_t events = 0;
    for (uint32_t i = 0; i < engine->here; i++)
        events += engine->lp[i].events;
    uint64_t sums[] = {events,         digest_here(engine), mail.events_sent,   mail.messages_sent,
                       stats->windows, engine->here,        engine->events_here};
    kerf_time last = engine->last;
    MPI_Allreduce(MPI_IN_PLACE, sums, sizeof sums / sizeof sums[0], MPI_UINT64_T, MPI_SUM, engine->comm);
    MPI_Allreduce(&engine->events_here, &stats->events_least, 1, MPI_UINT64_T, MPI_MIN, engine->comm);
    MPI_Allreduce(&engine->events_here, &stats->events_most, 1, MPI_UINT64_T, MPI_MAX, engine->comm);
    MPI_Allreduce(MPI_IN_PLACE, &last, 1, MPI_INT64_T, MPI_MAX, engine->comm);
    stats->events = sums[0];
    stats->digest = sums[1];
    stats->remote_events = sums[2];
    stats->messages = sums[3];
    stats->windows = sums[4];
    stats->lps_simulated = sums[5];
    stats->events_now = sums[6];
    stats->lps = engine->lp_count;
    stats->end_s = kerf_time_to_s(last);
    sum_up_delays(engine);
    sum_up_seconds(engine, &mail);
}

/* What was sent was received: a message that is left over would be met by whoever uses the communicator
 * next. */
enum kerf_status kerf_engine_check_mail(struct kerf_engine *engine, struct kerf_error *error)
{
    struct kerf_exchange_counts mail = {0};
    if (engine->exchange)
        mail = kerf_exchange_counts(engine->exchange);
    uint64_t counts[2] = {mail.messages_sent, mail.messages_received};
    MPI_Allreduce(MPI_IN_PLACE, counts, 2, MPI_UINT64_T, MPI_SUM, engine->comm);
    KERF_CHECK(counts[0] == counts[1], KERF_ERR_FAILURE,
               "internal: %llu messages were sent between ranks and %llu received",
               (unsigned long long)counts[0], (unsigned long long)counts[1]);
    return KERF_OK;
}
