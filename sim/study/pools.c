/* The study room: systems of two pools. Knows the catalog and plans; not how a transfer goes. */
#include "sim/study/pools.h"

#include <math.h>
#include <stdlib.h>

enum kerf_status kerf_pools_open(struct kerf_catalog *catalog, const struct kerf_scenario *scenario,
                                 struct kerf_system *system, struct kerf_error *error)
{
    const struct kerf_system_spec *spec = system->spec;
    if (!spec->decode)
        return KERF_OK;
    if (kerf_system_leaves(catalog, "links", spec->kv_link.link, &kerf_link_leaves, &system->kv_link,
                           error) != KERF_OK)
        return kerf_error_prefix(error, "%s: systems.%s.kv_link: ", spec->where, spec->name);
    system->decode = calloc(1, sizeof *system->decode);
    KERF_CHECK(system->decode, KERF_ERR_FAILURE, "out of memory for a pool");
    return kerf_system_open(catalog, scenario, spec->decode, system->network, system->decode, error);
}

void kerf_pools_close(struct kerf_system *system)
{
    if (system->decode)
        kerf_system_free(system->decode);
    free(system->decode);
    system->decode = NULL;
}

static const struct kerf_decoder_list *list_of(const struct kerf_serving *pool)
{
    return pool->on_wafers ? &pool->wafer.list : &pool->gpu.list;
}

double kerf_pool_token_bytes(const struct kerf_serving *pool)
{
    enum kerf_format kv = pool->on_wafers ? pool->wafer.kv : pool->gpu.kv;
    return kerf_decoder_kv_elements(list_of(pool)) * kerf_format_facts(kv)->bytes_per_element;
}

/* What the accelerators of a replica send or take at once through ports of their own. */
static double ports_Bps(const struct kerf_serving *pool)
{
    return pool->accelerators * (pool->on_wafers ? pool->wafer.wafer.io_Bps : pool->gpu.gpu.nic_Bps);
}

/* Seconds per token for a format to become another: it is read and written once, by the pool with the wider
 * one, so that the narrower one travels. On a wafer the memory is as fast as the PEs: no time. */
static double convert_s(const struct kerf_serving *prefill)
{
    double here = kerf_pool_token_bytes(prefill), there = kerf_pool_token_bytes(prefill->decode);
    const struct kerf_serving *wider = here > there ? prefill : prefill->decode;
    if (here == there || wider->on_wafers)
        return 0.0;
    const struct kerf_gpu_params *gpu = &wider->gpu.gpu;
    return (here + there) / (wider->accelerators * gpu->hbm_Bps * gpu->achieved_hbm);
}

static void plan_transfer(const struct kerf_kv_link_spec *spec, const struct kerf_link_params *link,
                          struct kerf_serving *serving)
{
    const struct kerf_serving *decode = serving->decode;
    const struct kerf_decoder_list *list = list_of(serving);
    double lane_Bps = link->bandwidth_Bps * link->achieved, lanes_Bps = spec->replica_lanes * lane_Bps;
    bool own = spec->replica_lanes == 0;
    serving->transfer = (struct kerf_kv_transfer_setup){
        .prefill_Bps = own ? ports_Bps(serving) * link->achieved : lanes_Bps,
        .decode_Bps = own ? ports_Bps(decode) * link->achieved : lanes_Bps,
        .shared_Bps = spec->shared_lanes * lane_Bps,
        .latency_s = link->latency_s,
        .overhead_s = spec->overhead_s,
        .bytes_per_token = fmin(kerf_pool_token_bytes(serving), kerf_pool_token_bytes(decode)),
        .convert_s_per_token = convert_s(serving),
        .layers = spec->order == KERF_KV_LAYER_BY_LAYER ? list->dense_layers + list->moe_layers : 1.0,
        .fair = spec->sharing == KERF_KV_FAIR};
}

enum kerf_status kerf_pools_plan(const struct kerf_system *system, const struct kerf_scenario *scenario,
                                 enum kerf_column column, struct kerf_serving *serving,
                                 struct kerf_error *error)
{
    struct kerf_link_params link;
    if (!system->decode)
        return KERF_OK;
    serving->decode = calloc(1, sizeof *serving->decode);
    KERF_CHECK(serving->decode, KERF_ERR_FAILURE, "out of memory for a pool");
    KERF_TRY(kerf_system_plan(system->decode, scenario, column, serving->decode, error));
    kerf_leaf_set_fill(&system->kv_link, column, &link);
    plan_transfer(&system->spec->kv_link, &link, serving);
    return KERF_OK;
}

void kerf_pools_print(FILE *out, const struct kerf_serving *serving)
{
    const struct kerf_kv_transfer_setup *transfer = &serving->transfer;
    double prompt = serving->workload.prompt_tokens;
    double Bps = fmin(transfer->prefill_Bps, transfer->decode_Bps);
    if (transfer->shared_Bps > 0.0)
        Bps = fmin(Bps, transfer->shared_Bps);
    fprintf(
        out,
        "#   KV cache to the pool that decodes: %.1f kB per token; a prompt of %.0f tokens is %.3g GB, alone "
        "%.3g ms at %.1f GB/s\n",
        transfer->bytes_per_token * 1e-3, prompt, prompt * transfer->bytes_per_token * 1e-9,
        1e3 * (transfer->overhead_s +
               prompt * (transfer->bytes_per_token / Bps + transfer->convert_s_per_token)),
        Bps * 1e-9);
}
