/* The study room: from the names in a scenario to plans. Knows the catalog and every model; no formulas. */
#include "sim/study/system.h"

#include "sim/io/catalog_network.h"
#include "sim/study/experts.h"
#include "sim/study/pools.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum kerf_status kerf_system_network(struct kerf_catalog *catalog, const char *name,
                                     struct kerf_network *network, struct kerf_error *error)
{
    struct kerf_yaml *yaml;
    KERF_TRY(kerf_catalog_load(catalog, "networks", name, &yaml, error));
    enum kerf_status status = kerf_network_read(yaml, network, error);
    kerf_yaml_free(yaml);
    return status;
}

enum kerf_status kerf_system_leaves(struct kerf_catalog *catalog, const char *section, const char *name,
                                    const struct kerf_leaf_table *table, struct kerf_leaf_set *set,
                                    struct kerf_error *error)
{
    struct kerf_yaml *yaml;
    KERF_TRY(kerf_catalog_load(catalog, section, name, &yaml, error));
    enum kerf_status status = kerf_leaf_set_read(yaml, table, set, error);
    kerf_yaml_free(yaml);
    return status;
}

/* The kind of a hardware file picks the device, and the device its table of leaves. */
enum kerf_status kerf_system_hardware(struct kerf_catalog *catalog, const char *name,
                                      struct kerf_leaf_set *hardware, bool *on_wafers,
                                      struct kerf_error *error)
{
    static const struct kerf_device_type *const devices[] = {&kerf_gpu_device, &kerf_wafer_device};
    struct kerf_yaml *yaml;
    char kind[32] = "";
    KERF_TRY(kerf_catalog_load(catalog, "hardware", name, &yaml, error));
    enum kerf_status status =
        kerf_yaml_text(yaml, kerf_yaml_get(kerf_yaml_root(yaml), "kind"), "kind", kind, sizeof kind, error);
    const struct kerf_device_type *device = NULL;
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
        if (strcmp(devices[i]->kind, kind) == 0)
            device = devices[i];
    if (status == KERF_OK && !device)
        status = kerf_yaml_refuse(yaml, kerf_yaml_get(kerf_yaml_root(yaml), "kind"), error,
                                  "kind: '%s' is no device", kind);
    if (status == KERF_OK)
        status = kerf_leaf_set_read(yaml, device->leaves, hardware, error);
    kerf_yaml_free(yaml);
    *on_wafers = device == &kerf_wafer_device;
    return status;
}

static enum kerf_status read_claim(struct kerf_catalog *catalog, const char *name, struct kerf_claim *claim,
                                   struct kerf_error *error)
{
    struct kerf_yaml *yaml;
    kerf_claim_clear(claim);
    if (!name[0])
        return KERF_OK;
    KERF_TRY(kerf_catalog_load(catalog, "claims", name, &yaml, error));
    enum kerf_status status = kerf_claim_read(yaml, claim, error);
    kerf_yaml_free(yaml);
    return status;
}

static enum kerf_status open_entries(struct kerf_catalog *catalog, const struct kerf_system_spec *spec,
                                     struct kerf_system *system, struct kerf_error *error)
{
    KERF_TRY(kerf_system_hardware(catalog, spec->hardware, &system->hardware, &system->on_wafers, error));
    KERF_TRY(
        kerf_system_leaves(catalog, "links", spec->client_link, &kerf_link_leaves, &system->link, error));
    if (!system->on_wafers) {
        KERF_TRY(kerf_system_leaves(catalog, "engines", spec->engine, &kerf_engine_software_leaves,
                                    &system->engine, error));
        const char *library = spec->fabric.library[0] ? spec->fabric.library : system->hardware.collectives;
        KERF_TRY(kerf_system_leaves(catalog, "collectives", library, &kerf_collective_leaves,
                                    &system->collectives, error));
    }
    if (strcmp(spec->drafter, "none") != 0)
        KERF_TRY(kerf_system_leaves(catalog, "drafters", spec->drafter, &kerf_drafter_leaves,
                                    &system->drafter, error));
    bool for_gpus = spec->tensor || spec->expert || spec->attention_data || spec->pipeline > 1 ||
                    strcmp(spec->engine, "overlapped") != 0;
    KERF_CHECK(!system->on_wafers || !for_gpus, KERF_ERR_USAGE,
               "parallel and engine have no effect on wafers (%s); remove them", spec->hardware);
    KERF_CHECK(!system->on_wafers || !kerf_fabric_is_for_gpus(&spec->fabric), KERF_ERR_USAGE,
               "fabric: library, algorithms and stopped have no effect on wafers (%s); remove them",
               spec->hardware);
    KERF_TRY(kerf_fabric_open(catalog, &spec->fabric, &system->fabric, error));
    KERF_TRY(read_claim(catalog, spec->published, &system->claim, error));
    KERF_CHECK(!spec->published[0] || strcmp(system->claim.network, system->network->name) == 0,
               KERF_ERR_USAGE, "published: '%s' is about %s, not %s", spec->published, system->claim.network,
               system->network->name);
    return KERF_OK;
}

/* Puts "FILE:LINE: systems.NAME: " before a message about a system. */
static enum kerf_status about(const struct kerf_system_spec *spec, struct kerf_error *error)
{
    return kerf_error_prefix(error, "%s: systems.%s: ", spec->where, spec->name);
}

static struct kerf_gpu_layout choose_layout(const struct kerf_system *system)
{
    const struct kerf_system_spec *spec = system->spec;
    struct kerf_gpu_layout layout = {.gpus = spec->count,
                                     .tensor_parallel = spec->tensor,
                                     .expert_parallel = spec->expert,
                                     .attention_data_parallel = spec->attention_data,
                                     .pipeline = spec->pipeline};
    int gpus = layout.gpus / layout.pipeline > 0 ? layout.gpus / layout.pipeline : 1; /* of a stage */
    if (layout.tensor_parallel == 0)
        layout.tensor_parallel =
            layout.attention_data_parallel > 0 ? gpus / layout.attention_data_parallel : gpus;
    if (layout.attention_data_parallel == 0)
        layout.attention_data_parallel = layout.tensor_parallel > 0 ? gpus / layout.tensor_parallel : 1;
    if (layout.expert_parallel == 0)
        layout.expert_parallel = system->network->decoder.moe.experts > 0 ? gpus : 1;
    return layout;
}

/* GPUs share experts as their layout says; the mesh of a wafer is cut into 1, 4, 16 or 64 groups. */
static enum kerf_status open_experts(struct kerf_catalog *catalog, const struct kerf_scenario *scenario,
                                     struct kerf_system *system, struct kerf_error *error)
{
    static const int cuts[] = {1, 4, 16, 64};
    int ranks = system->on_wafers ? 0 : choose_layout(system).expert_parallel;
    bool wafers = system->on_wafers;
    return kerf_experts_open(catalog->comm, scenario, system, wafers ? cuts : &ranks, wafers ? 4 : ranks > 0,
                             error);
}

enum kerf_status kerf_system_open(struct kerf_catalog *catalog, const struct kerf_scenario *scenario,
                                  const struct kerf_system_spec *spec, const struct kerf_network *network,
                                  struct kerf_system *system, struct kerf_error *error)
{
    *system = (struct kerf_system){.spec = spec, .network = network};
    if (network->family != KERF_FAMILY_DECODER) {
        kerf_error_set(error, KERF_ERR_USAGE, "%s is not a decoder: it cannot be served as a language model",
                       network->name);
        return kerf_error_prefix(error, "%s: ", scenario->network_where);
    }
    if (open_entries(catalog, spec, system, error) != KERF_OK ||
        kerf_load_open(catalog->comm, scenario->file, &spec->workload, scenario->seed, &system->load,
                       error) != KERF_OK)
        return about(spec, error);
    if (open_experts(catalog, scenario, system, error) != KERF_OK)
        return about(spec, error);
    return kerf_pools_open(catalog, scenario, system, error);
}

enum kerf_status kerf_system_check_load(const struct kerf_system *system, struct kerf_error *error)
{
    const struct kerf_load_facts *facts = &system->load.facts;
    int context = system->network->decoder.context_max;
    if (facts->longest_tokens <= context)
        return KERF_OK;
    kerf_error_set(
        error, KERF_ERR_USAGE,
        "workload: request %d has %.0f tokens of prompt and output, and the context of %s is %d; make "
        "requests shorter or limit their lengths",
        facts->longest_request + 1, facts->longest_tokens, system->network->name, context);
    return about(system->spec, error);
}

void kerf_system_free(struct kerf_system *system)
{
    kerf_pools_close(system);
    kerf_expert_skew_free(&system->skew);
    free(system->fabric);
    system->fabric = NULL;
    kerf_load_free(&system->load);
}

static enum kerf_status find_format(const char *key, const char *name, enum kerf_format *format,
                                    struct kerf_error *error)
{
    KERF_CHECK(kerf_format_find(name, format), KERF_ERR_USAGE,
               "%s: '%s' is not a number format (bf16, fp16, fp8, fp8_block, int8, int4, nvfp4, mxfp4)", key,
               name);
    return KERF_OK;
}

/* A 4-bit format is for the experts of a mixture, as in the published checkpoints; a wider one, and any
 * format of a dense network, is for every projection. Embedding and LM head stay as they are. */
static enum kerf_status choose_formats(const struct kerf_system *system, struct kerf_weight_formats *formats,
                                       struct kerf_error *error)
{
    enum kerf_format format;
    *formats = kerf_network_native_formats(system->network);
    if (strcmp(system->spec->weights, "native") == 0)
        return KERF_OK;
    KERF_TRY(find_format("weights", system->spec->weights, &format, error));
    bool mixture = system->network->decoder.moe.experts > 0;
    bool four_bit = kerf_format_facts(format)->bytes_per_element < 0.75;
    formats->experts = format;
    if (!mixture || !four_bit)
        formats->linears = format;
    return KERF_OK;
}

/* Cache that must fit for the scenario to make sense: every user of a closed loop at once, where wafers are
 * to be sized or the scenario says what each user needs; else one request, for others can wait. */
static double wanted_kv_tokens(const struct kerf_system *system, int draft_tokens, int attention_groups)
{
    const struct kerf_system_spec *spec = system->spec;
    const struct kerf_load_facts *facts = &system->load.facts;
    /* Of two pools the first holds the prompt and the first token. */
    double each = (spec->decode ? facts->longest_prompt + 1.0 : facts->longest_tokens) + draft_tokens;
    if (spec->context_tokens > each)
        each = spec->context_tokens;
    bool for_all = (system->on_wafers && !spec->decode) || spec->context_tokens > 0;
    double users = for_all && spec->workload.arrivals == KERF_ARRIVALS_CLOSED_LOOP
                       ? ceil(spec->workload.users / (double)spec->replicas)
                       : 1.0;
    users = fmin(users, spec->max_sequences);
    /* A sequence lives in one attention group, whole; all groups are sized as the fullest. */
    return each * ceil(users / attention_groups) * attention_groups;
}

/* The accelerators of a replica at the ends of its network, with the domains that they fill. */
static struct kerf_fabric_site site_of(const struct kerf_system *system, enum kerf_column column)
{
    struct kerf_fabric_site site = {.name = "wafer", .count = (uint32_t)system->spec->count, .domain = 1};
    struct kerf_gpu_params gpu;
    if (system->on_wafers)
        return site;
    kerf_leaf_set_fill(&system->hardware, column, &gpu);
    site.name = "GPU";
    site.domain = gpu.nvlink_domain < site.count ? (uint32_t)gpu.nvlink_domain : site.count;
    site.domain_Bps = gpu.nvlink_Bps;
    return site;
}

enum kerf_status kerf_system_topology(const struct kerf_system *system, enum kerf_column column,
                                      struct kerf_topology **topology, struct kerf_error *error)
{
    struct kerf_fabric_site site = site_of(system, column);
    *topology = NULL;
    return system->fabric
               ? kerf_fabric_topology(&system->spec->fabric, system->fabric, &site, column, topology, error)
               : KERF_OK;
}

static enum kerf_status plan_stops(const struct kerf_system_spec *spec, struct kerf_serving *serving,
                                   struct kerf_error *error)
{
    serving->stop = calloc((size_t)spec->fabric.stops + 1, sizeof *serving->stop);
    KERF_CHECK(serving->stop, KERF_ERR_FAILURE, "out of memory for %d stopped GPUs", spec->fabric.stops);
    for (int i = 0; i < spec->fabric.stops; i++) {
        const struct kerf_fabric_stop_spec *stop = &spec->fabric.stop[i];
        KERF_CHECK(stop->accelerator < spec->count * spec->replicas, KERF_ERR_USAGE,
                   "fabric.stopped[%d]: accelerator %d of %d, counted from 0", i, stop->accelerator,
                   spec->count * spec->replicas);
        serving->stop[serving->stops++] = (struct kerf_accelerator_stop){
            .accelerator = stop->accelerator, .at = kerf_time_from_s(stop->after_s)};
    }
    return KERF_OK;
}

static enum kerf_status plan_gpus(const struct kerf_system *system, const struct kerf_weight_formats *formats,
                                  enum kerf_format kv, double kv_tokens,
                                  const struct kerf_drafter_params *drafter, enum kerf_column column,
                                  struct kerf_serving *serving, struct kerf_error *error)
{
    struct kerf_gpu_layout layout = choose_layout(system);
    struct kerf_engine_software_params engine;
    kerf_leaf_set_fill(&system->engine, column, &engine);
    kerf_leaf_set_fill(&system->hardware, column, &serving->gpu.gpu);
    kerf_operate_gpu(&system->point, &serving->gpu.gpu);
    kerf_leaf_set_fill(&system->collectives, column, &serving->gpu.exchange.library);
    struct kerf_cluster cluster = kerf_gpu_cluster(&serving->gpu.gpu);
    kerf_gpu_exchange_links(&serving->gpu.exchange, &cluster);
    serving->gpu.exchange.own_all_reduce = engine.own_all_reduce > 0.5;
    kerf_decoder_operators(system->network, formats, &serving->gpu.list);
    kerf_experts_apply(system, &serving->gpu.list);
    KERF_TRY(kerf_gpu_layout_check(&serving->gpu, system->network, &layout, error));
    struct kerf_fabric_site site = site_of(system, column);
    KERF_TRY(kerf_fabric_exchange(&system->spec->fabric, system->fabric, &site,
                                  (uint32_t)layout.tensor_parallel, site.count / (uint32_t)layout.pipeline,
                                  column, &serving->gpu.exchange, error));
    KERF_TRY(plan_stops(system->spec, serving, error));
    serving->gpu.kv = kv;
    serving->gpu.activations = KERF_FORMAT_BF16;
    serving->gpu.draft_token_s = drafter->gpu_token_s;
    serving->gpu.host_step_s = engine.host_step_s;
    serving->gpu.request_s = engine.request_s;
    serving->gpu.prompt_token_s = engine.prompt_token_s;
    serving->gpu.host_sequence_s = engine.host_sequence_s;
    serving->gpu.host_overlap = engine.host_overlap;
    serving->gpu.few_rows_slowdown = engine.few_rows_slowdown;
    serving->gpu.plans_ahead = engine.plans_ahead > 0.5;
    KERF_TRY(kerf_gpu_plan_make(&serving->gpu, system->network, &layout, kv_tokens, error));
    const struct kerf_system_spec *spec = system->spec;
    if (serving->policy.prefill_chunk == 0)
        serving->policy.prefill_chunk = serving->policy.token_budget;
    if (serving->policy.reserved_output < 0.0)
        serving->policy.reserved_output = engine.reserved_output;
    serving->policy.whole_prompts = spec->prompts == KERF_PROMPTS_ENGINE
                                        ? engine.whole_prompts > 0.5
                                        : spec->prompts == KERF_PROMPTS_WHOLE;
    if (spec->prefix_cache == KERF_PREFIX_ENGINE)
        serving->policy.prefix_cache = engine.prefix_cache > 0.5;
    /* Each attention group has a step of its own to fill. */
    serving->policy.token_budget *= (int)serving->gpu.attention_data_parallel;
    return KERF_OK;
}

static enum kerf_status plan_wafers(const struct kerf_system *system,
                                    const struct kerf_weight_formats *formats, enum kerf_format kv,
                                    double kv_tokens, const struct kerf_drafter_params *drafter,
                                    enum kerf_column column, struct kerf_serving *serving,
                                    struct kerf_error *error)
{
    serving->wafer.wafer_name = system->hardware.name;
    serving->wafer.network_name = system->network->name;
    kerf_leaf_set_fill(&system->hardware, column, &serving->wafer.wafer);
    kerf_operate_wafer(&system->point, &serving->wafer.wafer);
    struct kerf_wafer_params *wafer = &serving->wafer.wafer;
    struct kerf_fabric_site site = site_of(system, column);
    struct kerf_pattern_share share = {wafer->io_Bps, wafer->io_latency_s};
    KERF_TRY(kerf_fabric_chain(&system->spec->fabric, system->fabric, &site, column, &share, error));
    wafer->io_Bps = share.rank_Bps;
    wafer->io_latency_s = share.latency_s;
    kerf_decoder_operators(system->network, formats, &serving->wafer.list);
    kerf_experts_apply(system, &serving->wafer.list);
    serving->wafer.kv = kv;
    serving->wafer.activations = KERF_FORMAT_BF16;
    serving->wafer.d_model = system->network->decoder.d_model;
    serving->wafer.draft_token_s = drafter->wafer_token_s;
    serving->wafer.draft_bytes = drafter->weight_bytes;
    serving->wafer.may_overflow = system->spec->kv_overflow == KERF_KV_OVERFLOW_HOST;
    serving->wafer.kv_block_tokens = system->spec->kv_block_tokens;
    const struct kerf_workload *workload = &system->load.workload;
    serving->wafer.typical_context =
        workload->prompt_tokens + (workload->reasoning_tokens + workload->answer_tokens) / 2.0;
    KERF_TRY(kerf_wafer_plan_make(&serving->wafer, system->spec->count, kv_tokens, error));
    if (serving->policy.prefill_chunk == 0)
        serving->policy.prefill_chunk = kerf_wafer_best_chunk(&serving->wafer, workload->prompt_tokens);
    return KERF_OK;
}

static void plan_fleet(const struct kerf_fleet_spec *spec, struct kerf_serving *serving)
{
    serving->is_routed = spec->router > 0;
    if (serving->is_routed)
        serving->router = (struct kerf_router_setup){.routing = (enum kerf_routing)(spec->router - 1),
                                                     .hop_s = spec->router_latency_s,
                                                     .scales = spec->autoscale,
                                                     .scale = {.least = spec->replicas_least,
                                                               .requests_target = spec->requests_per_replica,
                                                               .interval_s = spec->look_interval_s,
                                                               .start_s = spec->start_time_s,
                                                               .cool_down_s = spec->cool_down_s}};
}

static enum kerf_status plan(const struct kerf_system *system, const struct kerf_scenario *scenario,
                             enum kerf_column column, struct kerf_serving *serving, struct kerf_error *error)
{
    const struct kerf_system_spec *spec = system->spec;
    struct kerf_weight_formats formats;
    struct kerf_drafter_params drafter = {0};
    struct kerf_link_params link;
    enum kerf_format kv;
    KERF_TRY(choose_formats(system, &formats, error));
    KERF_TRY(find_format("kv", spec->kv, &kv, error));
    if (system->drafter.table)
        kerf_leaf_set_fill(&system->drafter, column, &drafter);
    kerf_leaf_set_fill(&system->link, column, &link);
    serving->workload = system->load.workload;
    serving->workload.seed = (uint64_t)scenario->seed;
    serving->policy = (struct kerf_scheduler_policy){.token_budget = spec->token_budget,
                                                     .prefill_chunk = spec->prefill_chunk,
                                                     .max_sequences = spec->max_sequences,
                                                     .draft_tokens = spec->draft_tokens,
                                                     .acceptance = drafter.acceptance,
                                                     .block_tokens = spec->kv_block_tokens,
                                                     .reserved_output = spec->reserved_output,
                                                     .watermark = spec->watermark,
                                                     .prefix_cache = spec->prefix_cache == KERF_PREFIX_ON,
                                                     .wait_steps = spec->wait_steps,
                                                     .wait_share = spec->wait_share};
    serving->policy.draft_limit = spec->draft_limit;
    memcpy(serving->policy.round_tokens, drafter.round_tokens, sizeof drafter.round_tokens);
    if (!system->drafter.table)
        serving->policy.draft_tokens = 0;
    else if (spec->draft_tokens == 0)
        serving->policy.draft_tokens = (int)drafter.draft_tokens;
    plan_fleet(&spec->fleet, serving);
    serving->on_wafers = system->on_wafers;
    serving->replicas = spec->replicas;
    serving->accelerators = spec->count;
    serving->client_link =
        (struct kerf_link){.latency_s = link.latency_s, .bandwidth_Bps = link.bandwidth_Bps * link.achieved};
    int groups = system->on_wafers ? 1 : choose_layout(system).attention_data_parallel;
    double kv_tokens = wanted_kv_tokens(system, serving->policy.draft_tokens, groups > 0 ? groups : 1);
    return (system->on_wafers ? plan_wafers : plan_gpus)(system, &formats, kv, kv_tokens, &drafter, column,
                                                         serving, error);
}

enum kerf_status kerf_system_plan(const struct kerf_system *system, const struct kerf_scenario *scenario,
                                  enum kerf_column column, struct kerf_serving *serving,
                                  struct kerf_error *error)
{
    *serving = (struct kerf_serving){0};
    if (plan(system, scenario, column, serving, error) != KERF_OK)
        return about(system->spec, error);
    return kerf_pools_plan(system, scenario, column, serving, error);
}

void kerf_system_memory(const struct kerf_serving *serving, double kv_tokens, double *used_bytes,
                        double *capacity_bytes)
{
    double accelerators = (double)serving->accelerators * serving->replicas;
    if (!serving->on_wafers) {
        double weights, kv;
        kerf_gpu_plan_memory(&serving->gpu, kv_tokens, &weights, &kv);
        *used_bytes = weights * serving->replicas + kv;
        *capacity_bytes = accelerators * serving->gpu.usable_bytes;
        return;
    }
    const struct kerf_wafer_placement *placement = &serving->wafer.placement;
    double bytes = placement->drafter.weight_bytes;
    for (int s = 0; s < placement->stages; s++)
        bytes += placement->stage[s].weight_bytes + placement->stage[s].activation_bytes;
    double kv = kerf_decoder_kv_elements(&serving->wafer.list) *
                kerf_format_facts(serving->wafer.kv)->bytes_per_element * kv_tokens *
                (1.0 - serving->wafer.host_share);
    *used_bytes = bytes * serving->replicas + kv;
    *capacity_bytes = accelerators * placement->usable_bytes_per_wafer;
}
