/* The study room: from the state of logical processes to a summary on every rank. */
#include "sim/study/trial.h"

#include "sim/study/energy.h"
#include "sim/study/system.h"

/* Tokens of cache that the schedulers of a pool on this rank held at most. */
static double kv_tokens_here(const struct kerf_engine *engine, const struct kerf_serving *serving)
{
    double tokens = 0.0;
    for (int i = 0; i < serving->replicas; i++) {
        const void *scheduler = kerf_engine_state(engine, serving->scheduler[i]);
        tokens += scheduler ? kerf_scheduler_record(scheduler).kv_tokens_most : 0.0;
    }
    return tokens;
}

/* Memory and accelerators of all pools. */
static void sum_up_pools(MPI_Comm comm, const struct kerf_engine *engine, const struct kerf_serving *serving,
                         struct kerf_summary *summary)
{
    for (const struct kerf_serving *pool = serving; pool; pool = pool->decode) {
        double here = kv_tokens_here(engine, pool), used, capacity,
               kv_tokens; /* whole numbers: the order of the sum is no matter */
        MPI_Allreduce(&here, &kv_tokens, 1, MPI_DOUBLE, MPI_SUM, comm);
        kerf_system_memory(pool, kv_tokens, &used, &capacity);
        summary->memory_used_bytes += used;
        summary->memory_capacity_bytes += capacity;
        summary->accelerators += (double)pool->accelerators * pool->replicas;
    }
}

/* What went from pool to pool. */
static void sum_up_transfers(MPI_Comm comm, const struct kerf_engine *engine,
                             const struct kerf_serving *serving, struct kerf_summary *summary)
{
    if (!serving->decode)
        return;
    const void *transfer = kerf_engine_state(engine, serving->transfer_lp);
    if (transfer)
        summary->kv_transfer_bytes =
            (double)kerf_kv_transfer_record(transfer).tokens * serving->transfer.bytes_per_token;
    MPI_Bcast(&summary->kv_transfer_bytes, 1, MPI_DOUBLE, kerf_engine_rank_of(engine, serving->transfer_lp),
              comm);
}

void kerf_trial_summary(MPI_Comm comm, const struct kerf_engine *engine, const struct kerf_serving *serving,
                        struct kerf_summary *summary, int *answered)
{
    const void *client = kerf_engine_state(engine, serving->client);
    int owner = kerf_engine_rank_of(engine, serving->client), requests;
    *summary = (struct kerf_summary){0};
    if (client) {
        const struct kerf_request_record *records = kerf_client_records(client, &requests, answered);
        if (*answered == serving->workload.requests)
            kerf_summarise(records, requests, summary);
    }
    MPI_Bcast(answered, 1, MPI_INT, owner, comm);
    MPI_Bcast(summary, sizeof *summary, MPI_BYTE, owner, comm);
    sum_up_pools(comm, engine, serving, summary);
    sum_up_transfers(comm, engine, serving, summary);
    /* Throughput counts output tokens over the span of the run. */
    kerf_energy_summarise(comm, engine, serving,
                          summary->output_tokens / summary->metric[KERF_METRIC_THROUGHPUT], summary);
}
