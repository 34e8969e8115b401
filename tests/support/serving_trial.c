#include "tests/support/serving_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct stand_in {
    struct trial *trial;
    uint32_t scheduler;
};

struct stand_in_state {
    const struct stand_in *setup;
    kerf_time busy_until;
};

static enum kerf_status stand_in_init(struct kerf_lp *lp, const void *setup, void *state,
                                      struct kerf_error *error)
{
    (void)lp, (void)error;
    ((struct stand_in_state *)state)->setup = setup;
    return KERF_OK;
}

static void raise_to(uint64_t *most, uint64_t value)
{
    if (value > *most)
        *most = value;
}

static enum kerf_status stand_in_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                        struct kerf_error *error)
{
    struct stand_in_state *device = state;
    struct trial *trial = device->setup->trial;
    struct kerf_pass_message pass;
    memcpy(&pass, event->payload, sizeof pass);
    raise_to(&trial->most_tokens, pass.decode_tokens + pass.prefill_tokens);
    raise_to(&trial->most_prefill, pass.prefill_tokens);
    raise_to(&trial->most_sequences, pass.decode_sequences + pass.prefill_sequences);
    trial->decode_tokens += pass.decode_tokens;
    trial->prefill_tokens += pass.prefill_tokens;
    trial->overlaps += kerf_lp_now(lp) < device->busy_until;
    double service_s = trial->pass_s ? trial->pass_s(trial, &pass, trial->passes) : trial->service_s;
    trial->passes++;
    trial->busy_s += service_s;
    device->busy_until = kerf_lp_now(lp) + kerf_time_from_s(service_s);
    pass.part_s[KERF_TIME_COMPUTE] += (float)service_s;
    return kerf_lp_send(lp, device->setup->scheduler, kerf_time_from_s(service_s), KERF_EVENT_PASS_DONE,
                        &pass, sizeof pass, error);
}

static const struct kerf_lp_kind stand_in_kind = {.name = "stand-in",
                                                  .state_bytes = sizeof(struct stand_in_state),
                                                  .init = stand_in_init,
                                                  .handle = stand_in_handle};

static double spacing_of_1_ms(void *plan, const struct kerf_pass *pass)
{
    (void)plan, (void)pass;
    return 1e-3;
}

struct trial gpu_trial(void)
{
    return (struct trial){
        .workload = {.users = 1,
                     .requests = 5,
                     .prompt_tokens = 10,
                     .answer_tokens = 20,
                     .length_ratio_least = 1,
                     .seed = 1},
        .policy = {.token_budget = 512,
                   .prefill_chunk = 512,
                   .max_sequences = 256,
                   .block_tokens = 1,
                   .reserved_output = 1},
        .backend = {.passes_most = 1,
                    .mixes_prefill = true,
                    .verifies_in_one = true,
                    .host_step_s = 50e-6,
                    .to_device_s = 1e-6,
                    .to_device_part = KERF_TIME_SOFTWARE,
                    .kv_tokens = 1e9},
        .service_s = 5e-3,
        .link_s = 30e-6,
        .replicas = 1,
    };
}

struct trial wafer_trial(void)
{
    struct trial trial = gpu_trial();
    trial.backend = (struct kerf_backend){.spacing_s = spacing_of_1_ms,
                                          .round_overhead_s = 90e-6,
                                          .draft_s = 20e-6,
                                          .to_device_s = 5e-6,
                                          .to_device_part = KERF_TIME_INTERCONNECT,
                                          .kv_tokens = 1e9};
    return trial;
}

/* What a run is made of; replicas of a second pool behind those of the first. */
struct parts {
    struct kerf_engine *engine;
    uint32_t client, transfer, scheduler[2 * REPLICAS_MOST], device[2 * REPLICAS_MOST];
    struct kerf_client_setup client_setup;
    struct kerf_scheduler_setup scheduler_setup[2 * REPLICAS_MOST];
    struct stand_in stand_in[2 * REPLICAS_MOST];
};

static void connect_both(struct kerf_engine *engine, uint32_t a, uint32_t b, kerf_time lookahead)
{
    kerf_engine_connect(engine, a, b, lookahead);
    kerf_engine_connect(engine, b, a, lookahead);
}

static void add_replica(struct trial *trial, struct parts *p, int i)
{
    bool pools = trial->decode_replicas > 0, decodes = i >= trial->replicas;
    kerf_time hop = pools ? kerf_kv_transfer_hop(&trial->transfer) : 0;
    p->scheduler_setup[i] =
        (struct kerf_scheduler_setup){.role = !pools    ? KERF_POOL_BOTH
                                              : decodes ? KERF_POOL_DECODE
                                                        : KERF_POOL_PREFILL,
                                      .transfer = p->transfer,
                                      .transfer_hop = hop,
                                      .offers_early = trial->transfer.layers > 1.0,
                                      .replica = (uint32_t)(decodes ? i - trial->replicas : i),
                                      .backend = decodes ? &trial->decode_backend : &trial->backend,
                                      .policy = &trial->policy,
                                      .seed = trial->workload.seed,
                                      .client = p->client,
                                      .device = &p->device[i],
                                      .devices = 1,
                                      .client_link_s = trial->link_s,
                                      .trace = trial->workload.trace};
    p->scheduler[i] = kerf_engine_add(p->engine, &kerf_scheduler_lp, &p->scheduler_setup[i], -1, 1.0);
    p->stand_in[i] = (struct stand_in){.trial = trial, .scheduler = p->scheduler[i]};
    p->device[i] = kerf_engine_add(p->engine, &stand_in_kind, &p->stand_in[i], -1, 1.0);
    connect_both(p->engine, p->client, p->scheduler[i], kerf_time_from_s(trial->link_s));
    kerf_engine_connect(p->engine, p->scheduler[i], p->device[i],
                        kerf_time_from_s(p->scheduler_setup[i].backend->to_device_s));
    kerf_engine_connect(p->engine, p->device[i], p->scheduler[i], kerf_time_from_s(trial->service_s));
    if (pools)
        connect_both(p->engine, p->scheduler[i], p->transfer, hop);
}

static void add_all(struct trial *trial, struct parts *p)
{
    p->client_setup = (struct kerf_client_setup){.workload = &trial->workload,
                                                 .scheduler = p->scheduler,
                                                 .replicas = trial->replicas,
                                                 .link = {.latency_s = trial->link_s, .bandwidth_Bps = 1e30}};
    p->client = kerf_engine_add(p->engine, &kerf_client_lp, &p->client_setup, -1, 1.0);
    trial->transfer.prefill = p->scheduler;
    trial->transfer.decode = p->scheduler + trial->replicas;
    trial->transfer.prefill_replicas = trial->replicas;
    trial->transfer.decode_replicas = trial->decode_replicas;
    if (trial->decode_replicas > 0)
        p->transfer = kerf_engine_add(p->engine, &kerf_kv_transfer_lp, &trial->transfer, -1, 1.0);
    for (int i = 0; i < trial->replicas + trial->decode_replicas; i++)
        add_replica(trial, p, i);
}

void run(struct trial *trial)
{
    struct parts p = {0};
    struct kerf_error error = {0};
    const struct kerf_engine_options options = {.may_end_waiting = true};
    assert_int_equal(kerf_engine_create(MPI_COMM_SELF, &options, &p.engine, &error), KERF_OK);
    add_all(trial, &p);
    if (kerf_engine_run(p.engine, NULL, NULL, &error) != KERF_OK)
        fail_msg("%s", error.message);
    const struct kerf_request_record *records =
        kerf_client_records(kerf_engine_state(p.engine, p.client), &trial->sent, &trial->answered);
    trial->record = calloc((size_t)trial->sent + 1, sizeof *trial->record);
    assert_non_null(trial->record);
    memcpy(trial->record, records, (size_t)trial->sent * sizeof *records);
    for (int i = 0; i < trial->replicas + trial->decode_replicas; i++)
        trial->scheduler[i] = kerf_scheduler_record(kerf_engine_state(p.engine, p.scheduler[i]));
    if (trial->decode_replicas > 0)
        trial->carried = kerf_kv_transfer_record(kerf_engine_state(p.engine, p.transfer));
    kerf_engine_free(p.engine);
}

kerf_time ps(double seconds)
{
    return kerf_time_from_s(seconds);
}

kerf_time decode_ps(const struct kerf_request_record *record)
{
    return ps(record->finish_s) - ps(record->first_token_s);
}

void assert_all_answered(const struct trial *trial)
{
    assert_int_equal(trial->sent, trial->workload.requests);
    assert_int_equal(trial->answered, trial->workload.requests);
    for (int i = 0; i < trial->replicas + trial->decode_replicas; i++)
        assert_int_equal(trial->scheduler[i].unfinished, 0);
}
