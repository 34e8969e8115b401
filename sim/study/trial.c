/* The study room: from the state of logical processes to a summary on every rank. */
#include "sim/study/trial.h"

#include "sim/study/energy.h"
#include "sim/study/system.h"

/* Tokens of cache that the schedulers on this rank held at most. */
static double kv_tokens_here(const struct kerf_engine *engine, const struct kerf_serving *serving)
{
    double tokens = 0.0;
    for (int i = 0; i < serving->replicas; i++) {
        const void *scheduler = kerf_engine_state(engine, serving->scheduler[i]);
        tokens += scheduler ? kerf_scheduler_record(scheduler).kv_tokens_most : 0.0;
    }
    return tokens;
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
    double here = kv_tokens_here(engine, serving),
           kv_tokens; /* whole numbers: the order of the sum is no matter */
    MPI_Allreduce(&here, &kv_tokens, 1, MPI_DOUBLE, MPI_SUM, comm);
    kerf_system_memory(serving, kv_tokens, &summary->memory_used_bytes, &summary->memory_capacity_bytes);
    summary->accelerators = (double)serving->accelerators * serving->replicas;
    /* Throughput counts output tokens over the span of the run. */
    kerf_energy_summarise(comm, engine, serving,
                          summary->output_tokens / summary->metric[KERF_METRIC_THROUGHPUT], summary);
}
