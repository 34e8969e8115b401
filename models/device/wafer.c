/* The device room: a wafer-scale engine. Which closed form an operator runs as. */
#include "models/device/wafer.h"

#include "models/device/wafer_attention.h"
#include "models/device/wafer_layer.h"
#include "models/device/wafer_moe.h"

#include <math.h>
#include <string.h>

/* Everything that an operator's closed form may look at. */
struct job {
    const struct kerf_wafer_params *wafer;
    const struct kerf_operator *op;
    const struct kerf_pass *pass;
    struct kerf_rectangle rectangle;
    double passes; /* vector instructions over the elements, from operator_rows below */
    bool rides;
    double products;
};

/* Operators that stand out by name. A rider's inputs are ready with a neighbour's and its sums travel in the
 * neighbour's all-reduce, the way WaferLLM fuses query, key and value: the second latent of MLA beside the
 * first, shared experts beside the routed ones. `products` of a fused matrix is how many a tiled kernel
 * multiplies apart (WaferLLM's prefill kernel: query, key, value, gate, up). */
struct named_operator {
    const char *name;
    bool rides;
    double products;
};

static const struct named_operator named_operators[] = {
    {"qkv_proj", false, 3.0}, {"gate_up_proj", false, 2.0},    {"kv_a_proj", true, 1.0},
    {"kv_a_norm", true, 1.0}, {"shared_down_proj", true, 1.0}, {"shared_gate_up_proj", true, 2.0},
};

static struct named_operator named(const struct kerf_operator *op)
{
    for (size_t i = 0; i < sizeof named_operators / sizeof named_operators[0]; i++) {
        if (op->name != NULL && strcmp(op->name, named_operators[i].name) == 0)
            return named_operators[i];
    }
    return (struct named_operator){op->name, false, 1.0};
}

/* Local vector instructions over `elements` per token that lie over the columns. Tokens of a batch are
 * replicated over the rows, as matrix-vector products leave them; tokens of a prompt are dealt to the rows,
 * as tiled products leave them. */
static struct kerf_cycles sweep(const struct job *job, double elements)
{
    double P = job->rectangle.rows, slice = ceil(elements / job->rectangle.columns);
    double here = job->pass->decode.tokens + ceil(job->pass->prefill.tokens / P);
    return kerf_axpy(job->wafer, job->passes, here * slice, job->wafer->axpy_call_cycles);
}

/* Does the software insist on tiles? */
static bool must_tile(const struct job *job)
{
    return job->wafer->tiled_prompts > 0.0 && job->pass->prefill.tokens > 0.0;
}

static struct kerf_cycles local_cycles(const struct job *job)
{
    return sweep(job, fmax(job->op->inputs, job->op->kv_elements));
}

/* One sum per token, in 32 bits: latency of the mesh and nothing else. */
static struct kerf_cycles norm_cycles(const struct job *job)
{
    double P = job->rectangle.rows, Q = job->rectangle.columns;
    struct kerf_cycles cost = sweep(job, job->op->inputs);
    if (job->rides)
        return cost; /* its scalar travels with the neighbour's */
    double B = job->pass->decode.tokens + ceil(job->pass->prefill.tokens / P);
    struct kerf_cycles sum = kerf_mesh_allreduce_cycles(job->wafer, P, Q, B);
    kerf_cycles_add(&cost, &sum);
    return cost;
}

static struct kerf_cycles unpack_cycles(const struct job *job)
{
    const struct kerf_operator *op = job->op;
    double P = job->rectangle.rows, Q = job->rectangle.columns;
    double tile = ceil(op->inputs / P) * ceil(op->outputs / Q);
    double share =
        ceil(op->batch * op->inputs * op->outputs / (P * Q)); /* matrices of heads lie side by side */
    double bytes = kerf_format_facts(op->weights)->bytes_per_element;
    return kerf_dequantise(job->wafer, op->batch > 1.0 ? share : tile, bytes);
}

/* One matrix over the whole rectangle, token by token or as tiles. */
static struct kerf_cycles matrix_cycles(const struct job *job, double M, bool as_tiles)
{
    const struct kerf_operator *op = job->op;
    struct kerf_cycles vectors =
        kerf_gemv(job->wafer, job->rectangle, M, op->inputs, op->outputs, job->rides);
    struct kerf_cycles tiles =
        kerf_meshgemm(job->wafer, job->rectangle, M, op->inputs, op->outputs / job->products);
    tiles = kerf_cycles_times(tiles, job->products);
    return as_tiles ? tiles : kerf_cycles_less(&vectors, &tiles);
}

/* A matrix per head. Each head has a strip of columns, with its inputs over the columns or over the rows;
 * tiles want a square. On one side stands a vector that all heads share (MLA's latent): it crosses the
 * rectangle. */
static struct kerf_cycles heads_cycles(const struct job *job, double M)
{
    const struct kerf_operator *op = job->op;
    double P = job->rectangle.rows, Q = job->rectangle.columns;
    double turns = ceil(op->batch / Q), width = fmax(1.0, floor(Q / op->batch));
    double side = fmax(1.0, floor(sqrt(P * Q / op->batch)));
    struct kerf_rectangle upright = {P, width}, lying = {width, P}, square = {side, side};
    struct kerf_cycles by_rows = kerf_gemv(job->wafer, upright, M, op->inputs, op->outputs, 0);
    struct kerf_cycles by_columns = kerf_gemv(job->wafer, lying, M, op->inputs, op->outputs, 0);
    struct kerf_cycles tiles = kerf_meshgemm(job->wafer, square, M, op->inputs, op->outputs);
    struct kerf_cycles best = kerf_cycles_less(&by_rows, &by_columns);
    best = must_tile(job) ? tiles : kerf_cycles_less(&best, &tiles);
    best = kerf_cycles_times(best, turns);
    best.wavelets *= op->batch / turns;
    double shared = op->latent_dim > 0.0 ? op->latent_dim : op->inputs;
    best.fabric += kerf_mesh_transfer(job->wafer, Q, M * op->batch * shared);
    return best;
}

static struct kerf_cycles linear_cycles(const struct job *job)
{
    double M = kerf_pass_tokens(job->pass);
    struct kerf_cycles cost =
        job->op->batch > 1.0 ? heads_cycles(job, M) : matrix_cycles(job, M, must_tile(job));
    struct kerf_cycles unpack = unpack_cycles(job);
    kerf_cycles_add(&cost, &unpack);
    return cost;
}

static struct kerf_cycles lm_head_cycles(const struct job *job)
{
    struct kerf_cycles cost = matrix_cycles(job, job->pass->logit_tokens, false);
    struct kerf_cycles unpack = unpack_cycles(job);
    kerf_cycles_add(&cost, &unpack);
    return cost;
}

/* The row of a token lies along one row of PEs: read there, then told to all rows. */
static struct kerf_cycles embed_cycles(const struct job *job)
{
    double P = job->rectangle.rows, Q = job->rectangle.columns;
    double slice = ceil(job->op->outputs / Q), B = kerf_pass_tokens(job->pass) * slice / 2.0;
    struct kerf_cycles cost =
        kerf_axpy(job->wafer, kerf_pass_tokens(job->pass), slice, job->wafer->axpy_call_cycles);
    struct kerf_cycles tell = {.fabric = kerf_mesh_broadcast_2d(job->wafer, P, Q, B), .wavelets = B * Q};
    kerf_cycles_add(&cost, &tell);
    return cost;
}

/* Largest logit: a local sweep, then the winner along both axes. */
static struct kerf_cycles sample_cycles(const struct job *job)
{
    double P = job->rectangle.rows, Q = job->rectangle.columns, M = job->pass->logit_tokens;
    struct kerf_cycles cost =
        kerf_axpy(job->wafer, job->passes * M, ceil(job->op->inputs / Q), job->wafer->axpy_call_cycles);
    struct kerf_cycles rows = kerf_mesh_allreduce_cycles(job->wafer, P, Q, 2.0 * M); /* value and index */
    struct kerf_cycles columns = kerf_mesh_allreduce_cycles(job->wafer, Q, P, 2.0 * M);
    kerf_cycles_add(&cost, &rows);
    kerf_cycles_add(&cost, &columns);
    return cost;
}

/* New tokens that generate: their caches are read with the decode dimensions, one token after the other. */
static struct kerf_cycles decode_attention(const struct job *job, double context)
{
    const struct kerf_operator *op = job->op;
    struct kerf_attention_shape shape = {op->kv_heads, op->heads / op->kv_heads, op->score_dim,
                                         op->value_dim};
    return kerf_attention_decode(job->wafer, job->rectangle, &shape, job->pass->decode.tokens, context,
                                 job->passes);
}

/* MLA's cache holds latents. Tiles want keys and values of every head, so what earlier chunks of the prompt
 * left there is unfolded again for each chunk: latent x (keys without their rotated part, and values), a head
 * on each square. The new tokens' own are unfolded by the projections before. */
static struct kerf_cycles unfold_cached(const struct job *job, double groups, double tokens)
{
    const struct kerf_operator *op = job->op;
    double PEs = job->rectangle.rows * job->rectangle.columns;
    double side = fmax(1.0, floor(sqrt(PEs / groups))), turns = ceil(groups / PEs);
    double rotated = op->score_dim - op->value_dim, latent = op->value_dim;
    double outputs = op->prefill_score_dim - rotated + op->prefill_value_dim;
    struct kerf_rectangle square = {side, side};
    struct kerf_cycles cost = kerf_meshgemm(job->wafer, square, tokens, latent, outputs);
    cost = kerf_cycles_times(cost, turns);
    cost.wavelets *= groups / turns;
    return cost;
}

/* New tokens of prompts: tiles with the prefill dimensions, a sequence after the other, or one token after
 * the other as in decode where that is faster (short prompts). MLA unfolds a cache of its own for every head.
 */
static struct kerf_cycles prefill_attention(const struct job *job, double context)
{
    const struct kerf_operator *op = job->op;
    const struct kerf_pass_part *part = &job->pass->prefill;
    bool unfolded = op->prefill_score_dim < op->score_dim;
    double groups = unfolded ? op->heads : op->kv_heads;
    struct kerf_attention_shape tiles = {groups, op->heads / groups, op->prefill_score_dim,
                                         op->prefill_value_dim};
    struct kerf_attention_shape folded = {op->kv_heads, op->heads / op->kv_heads, op->score_dim,
                                          op->value_dim};
    double sequences = fmax(1.0, part->sequences);
    /* mean context of a causal prompt is short of its end by half of the new tokens */
    double end = context + (part->tokens / sequences - 1.0) / 2.0;
    struct kerf_cycles together = kerf_attention_prefill(job->wafer, job->rectangle, &tiles,
                                                         part->tokens / sequences, end, job->passes);
    double cached = end - part->tokens / sequences;
    if (unfolded && cached > 0.0) {
        struct kerf_cycles again = unfold_cached(job, groups, cached);
        kerf_cycles_add(&together, &again);
    }
    together = kerf_cycles_times(together, sequences);
    struct kerf_cycles apart =
        kerf_attention_decode(job->wafer, job->rectangle, &folded, part->tokens, context, job->passes);
    return must_tile(job) ? together : kerf_cycles_less(&together, &apart);
}

typedef struct kerf_cycles (*attention_form)(const struct job *job, double context);

/* Mean over layers that see everything and layers that see a window. */
static struct kerf_cycles windowed(const struct job *job, const struct kerf_pass_part *part,
                                   attention_form form)
{
    if (part->tokens <= 0.0)
        return (struct kerf_cycles){0};
    double context = part->attended / part->tokens, window = job->op->window_tokens;
    if (window <= 0.0 || context <= window)
        return form(job, context);
    struct kerf_cycles whole = form(job, context), within = form(job, window);
    struct kerf_cycles mean = kerf_cycles_times(whole, 1.0 - job->op->window_share);
    within = kerf_cycles_times(within, job->op->window_share);
    kerf_cycles_add(&mean, &within);
    return mean;
}

static struct kerf_cycles attention_cycles(const struct job *job)
{
    struct kerf_cycles cost = windowed(job, &job->pass->decode, decode_attention);
    struct kerf_cycles prompts = windowed(job, &job->pass->prefill, prefill_attention);
    kerf_cycles_add(&cost, &prompts);
    return cost;
}

static struct kerf_cycles router_cycles(const struct job *job)
{
    return kerf_router(job->wafer, job->rectangle, kerf_pass_tokens(job->pass), job->op->inputs,
                       job->op->outputs, job->op->top_k);
}

static struct kerf_cycles experts_cycles(const struct job *job)
{
    const struct kerf_operator *op = job->op;
    struct kerf_experts_shape shape = {.experts = op->experts,
                                       .top_k = op->top_k,
                                       .d_model = op->inputs,
                                       .d_ff = op->expert_d_ff,
                                       .matrices = op->matrices_per_expert,
                                       .bytes_per_weight = kerf_format_facts(op->weights)->bytes_per_element,
                                       .skew = op->skew};
    return kerf_experts(job->wafer, job->rectangle, &shape, kerf_pass_tokens(job->pass), job->passes);
}

/* How an operator runs. `software` is the number of collectives that pay o_op: none for operators that run
 * inside a neighbour's kernel. With them a dense GQA layer has WaferLLM's 10 collectives (norm, qkv, score,
 * maximum, sum, value, output, norm, gate-up, down), an MLA layer of experts 16. `passes` counts vector
 * instructions over the elements, as WaferLLM's published decode kernel issues them; exp() is four. */
struct operator_row {
    struct kerf_cycles (*cycles)(const struct job *job);
    double software, passes;
};

static const struct operator_row operator_rows[KERF_OP_COUNT] = {
    [KERF_OP_EMBED] = {embed_cycles, 1.0, 0.0},      [KERF_OP_NORM] = {norm_cycles, 1.0, 4.0},
    [KERF_OP_LINEAR] = {linear_cycles, 1.0, 0.0},    [KERF_OP_ROTARY] = {local_cycles, 0.0, 6.0},
    [KERF_OP_KV_WRITE] = {local_cycles, 0.0, 1.0},   [KERF_OP_ATTENTION] = {attention_cycles, 4.0, 8.0},
    [KERF_OP_ROUTER] = {router_cycles, 2.0, 0.0},    [KERF_OP_EXPERTS] = {experts_cycles, 2.0, 7.0},
    [KERF_OP_ACTIVATION] = {local_cycles, 0.0, 7.0}, [KERF_OP_RESIDUAL] = {local_cycles, 0.0, 1.0},
    [KERF_OP_LM_HEAD] = {lm_head_cycles, 1.0, 0.0},  [KERF_OP_SAMPLE] = {sample_cycles, 2.0, 1.0},
};

static struct kerf_cost cost_of(const struct kerf_wafer_params *wafer, const struct kerf_cycles *cycles,
                                const struct kerf_work *work)
{
    struct kerf_cost cost = {.flops = work->flops, .wavelets = cycles->wavelets};
    cost.bytes = work->weight_bytes + work->kv_read_bytes + work->kv_write_bytes + work->activation_bytes;
    cost.part_s[KERF_TIME_COMPUTE] = cycles->compute / wafer->clock_Hz;
    cost.part_s[KERF_TIME_MEMORY] = cycles->memory / wafer->clock_Hz;
    cost.part_s[KERF_TIME_FABRIC] = cycles->fabric / wafer->clock_Hz;
    cost.part_s[KERF_TIME_SOFTWARE] = cycles->software / wafer->clock_Hz;
    for (int part = 0; part < KERF_TIME_PARTS; part++)
        cost.latency_s += cost.part_s[part];
    cost.occupancy_s = cost.latency_s; /* the whole rectangle takes part in every operator */
    cost.dynamic_J =
        cost.flops * wafer->flop_J + cost.bytes * wafer->sram_J_per_byte + cost.wavelets * wafer->hop_J;
    return cost;
}

static struct kerf_cost operator_cost(const void *params, const struct kerf_operator *op,
                                      const struct kerf_pass *pass, const struct kerf_slice *slice)
{
    const struct operator_row *row = &operator_rows[op->kind];
    struct named_operator name = named(op);
    bool logits_only = op->kind == KERF_OP_LM_HEAD || op->kind == KERF_OP_SAMPLE;
    if ((logits_only ? pass->logit_tokens : kerf_pass_tokens(pass)) <= 0.0)
        return (struct kerf_cost){0};
    struct job job = {.wafer = params,
                      .op = op,
                      .pass = pass,
                      .rectangle = {fmax(1.0, slice->pe_rows), fmax(1.0, slice->pe_columns)},
                      .passes = row->passes,
                      .rides = name.rides,
                      .products = name.products};
    struct kerf_cycles cycles = row->cycles(&job);
    if (!job.rides)
        cycles.software += row->software * job.wafer->operator_software_cycles;
    struct kerf_work work = kerf_operator_work(op, pass);
    return cost_of(params, &cycles, &work);
}

static double usable_bytes(const void *params)
{
    const struct kerf_wafer_params *wafer = params;
    return wafer->sram_bytes * wafer->sram_usable_fraction;
}

const struct kerf_device_type kerf_wafer_device = {.kind = "wafer",
                                                   .leaves = &kerf_wafer_leaves,
                                                   .operator_cost = operator_cost,
                                                   .layer_cost = kerf_wafer_layer_cost,
                                                   .usable_bytes = usable_bytes};

struct kerf_cost kerf_wafer_handover_cost(const struct kerf_wafer_params *wafer,
                                          const struct kerf_slice *slice, double tokens, double d_model)
{
    struct kerf_cycles cycles = {.fabric = kerf_mesh_transfer(wafer, slice->pe_rows, tokens * d_model),
                                 .wavelets = tokens * d_model / 2.0};
    return cost_of(wafer, &cycles, &(struct kerf_work){0});
}
