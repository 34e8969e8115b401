/* The training room: forward and backward of operators on one GPU.
 *
 * The backward pass of a product of m x k by k x n is two products: m x n by n x k towards the inputs, k x m
 * by m x n towards the weights, whose sums are kept in 32 bit. Fused attention computes its scores again in
 * the backward pass: 5 products against 2 (Dao, arXiv 2307.08691). Element-wise kernels move bytes. */
#include "models/training/work_time.h"

#include "models/device/gpu_gemm.h"
#include "models/device/gpu_shard.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes moved and kernels launched per element; in 16 bit unless said otherwise. */
struct elementwise_row {
    double forward_bytes, backward_bytes, forward_kernels, backward_kernels;
};

/* A norm reads and writes; backward it reads the gradient and its input and writes. A residual reads two and
 * writes one; backward two gradients are added. */
static const struct elementwise_row norm_row = {4.0, 6.0, 1.0, 2.0}, residual_row = {6.0, 6.0, 1.0, 1.0},
                                    rotary_row = {4.0, 4.0, 1.0, 1.0},
                                    plain_activation = {4.0, 6.0, 1.0, 1.0},
                                    gated_activation = {6.0, 10.0, 1.0, 1.0};
/* Per logit: to 32 bit, maximum, exponential and sum, and the gradient; fused kernels read and write once. */
static const struct elementwise_row loss_row = {14.0, 8.0, 6.0, 3.0}, fused_loss_row = {4.0, 4.0, 2.0, 1.0};
/* Per score: the product writes (counted there); scale, mask and softmax read and write. Dropout keeps a mask
 * of a byte. */
static const struct elementwise_row score_row = {4.0, 6.0, 1.0, 1.0};
static const struct elementwise_row dropout_row = {5.0, 5.0, 1.0, 1.0};
/* Per row and element of the width at an expert: rows are put in order before and after the exchange, and
 * summed by weight. */
static const struct elementwise_row permute_row = {16.0, 16.0, 12.0, 12.0};

/* A low-rank adapter beside a frozen matrix, per element of its input and of its output: dropout and the
 * first product read the input; the second product writes what is then added (Hu et al., arXiv 2106.09685).
 */
static const struct elementwise_row adapter_input_row = {7.0, 11.0, 2.0, 4.0},
                                    adapter_output_row = {8.0, 8.0, 2.0, 3.0};
/* A ring's step joins the output of a block of keys with what came before, by their softmax sums: per element
 * of the output. Backward it adds gradients of keys and values. */
static const struct elementwise_row ring_step_row = {8.0, 12.0, 2.0, 3.0};

/* Kernels and library calls of a layer of experts: routing, exchange and permutation; and of each expert,
 * whose casts and products are calls of their own (Transformer Engine's grouped linear). */
static const double expert_kernels = 60.0, kernels_of_expert = 12.0;

/* What a compiler would join: bytes that unfused chains move, kernels that they launch. */
static const double eager_bytes = 1.6, eager_kernels = 2.0;

static double rate_Bps(const struct kerf_training_pass *pass)
{
    return pass->gpu->hbm_Bps * pass->gpu->achieved_hbm;
}

static void add_elementwise(const struct kerf_training_pass *pass, const struct elementwise_row *row,
                            double elements, struct kerf_work_time *time)
{
    double gap_s = pass->gpu->graph_gap_s + pass->gpu->elementwise_floor_s;
    double bytes = pass->stack->compiled ? 1.0 : eager_bytes,
           eager = pass->stack->compiled ? 1.0 : eager_kernels;
    time->forward_s[KERF_TRAIN_ELEMENTWISE] +=
        bytes * row->forward_bytes * elements / rate_Bps(pass) + row->forward_kernels * gap_s;
    time->input_s[KERF_TRAIN_ELEMENTWISE] +=
        bytes * row->backward_bytes * elements / rate_Bps(pass) + row->backward_kernels * gap_s;
    time->forward_kernels += eager * row->forward_kernels;
    time->backward_kernels += eager * row->backward_kernels;
}

static double gemm_s(const struct kerf_training_pass *pass, enum kerf_format format, double m, double n,
                     double k, double batch)
{
    struct kerf_gemm_kernel kernel = kerf_gpu_gemm_kernel(pass->gpu, format);
    kernel.quantises = false; /* casts are counted once for all products that want them */
    const struct kerf_gemm gemm = {
        .m = m, .n = n, .k = k, .batch = batch, .weights = format, .activations = KERF_FORMAT_BF16};
    struct kerf_gemm_time time = kerf_gpu_gemm_time(pass->gpu, &kernel, &gemm);
    return kerf_gemm_total_s(&time);
}

/* Tokens of the micro-batch on one rank. */
static double tokens_of(const struct kerf_training_pass *pass)
{
    return pass->sequences * pass->sequence / pass->layout->context;
}

/* One product in one format: forward and both of the backward pass. Gradients of weights are added to those
 * of the micro-batches before: read and written, of which the product itself counts 16 bit written. */
static void add_product(const struct kerf_training_pass *pass, enum kerf_format format, double m, double n,
                        double k, double batch, double share, struct kerf_work_time *time)
{
    time->forward_s[KERF_TRAIN_MATRIX] += share * gemm_s(pass, format, m, n, k, batch);
    time->input_s[KERF_TRAIN_MATRIX] += share * gemm_s(pass, format, m, k, n, batch);
    if (pass->frozen)
        return;
    double sum_bytes = 2.0 * pass->stack->gradient_bytes - 2.0;
    double sums_s = sum_bytes * batch * n * k / (pass->gpu->hbm_Bps * pass->gpu->achieved_gemm_hbm);
    time->weight_s[KERF_TRAIN_MATRIX] += share * (gemm_s(pass, format, k, n, m, batch) + sums_s);
}

/* A linear in the recipe's format, with the casts of its input and of its output's gradient. `inputs` are
 * shared by the matrices of a batch of experts. */
static void add_linear(const struct kerf_training_pass *pass, const struct kerf_precision *precision,
                       double m, double n, double k, double batch, struct kerf_work_time *time)
{
    double kept = precision->narrow ? precision->kept_layers_share : 1.0;
    if (kept < 1.0) {
        double row_s = (1.0 - kept) * batch * m / rate_Bps(pass);
        add_product(pass, precision->matrices, m, n, k, batch, 1.0 - kept, time);
        time->forward_s[KERF_TRAIN_ELEMENTWISE] += precision->input_cast_bytes * row_s * k;
        time->input_s[KERF_TRAIN_ELEMENTWISE] += precision->gradient_cast_bytes * row_s * n;
        time->forward_kernels += 2.0;
        time->backward_kernels += 2.0;
    }
    if (kept > 0.0)
        add_product(pass, KERF_FORMAT_BF16, m, n, k, batch, kept, time);
    time->forward_kernels += 1.0;
    time->backward_kernels += pass->frozen ? 1.0 : 2.0;
}

/* Fused attention at the rates of its kernels; half of the square is masked where the network is causal. */
static void add_fused_attention(const struct kerf_training_pass *pass, const struct kerf_operator *op,
                                double flops, struct kerf_work_time *time)
{
    double peak_flops = pass->gpu->peak_16bit_flops; /* far from the power that clocks fall at */
    double width = op->prefill_score_dim;
    /* between 64 and 128 along the logarithm; wider heads are no faster */
    double narrow = fmin(fmax(log2(128.0 / width), 0.0), 1.0);
    double shape = 1.0 - narrow * (1.0 - pass->params->attention_narrow_share);
    if (pass->stack->attention_factor > 0.0)
        shape *= pass->stack->attention_factor;
    double gap_s = pass->gpu->graph_gap_s + pass->gpu->attention_floor_16bit_s;
    time->forward_s[KERF_TRAIN_ATTENTION] +=
        gap_s + flops / (peak_flops * shape * pass->params->attention_forward_share);
    time->input_s[KERF_TRAIN_ATTENTION] +=
        2.0 * gap_s + 2.5 * flops / (peak_flops * shape * pass->params->attention_backward_share);
    time->forward_kernels += 1.0;
    time->backward_kernels += 3.0;
}

/* Attention with its scores in memory: every score is computed, masked or not. */
static void add_plain_attention(const struct kerf_training_pass *pass, const struct kerf_operator *op,
                                struct kerf_work_time *time)
{
    double s = pass->sequence / pass->layout->context, context = pass->sequence;
    double batch = pass->sequences * op->heads, scores = batch * s * context;
    double score_s = gemm_s(pass, KERF_FORMAT_BF16, s, context, op->prefill_score_dim, batch);
    double value_s = gemm_s(pass, KERF_FORMAT_BF16, s, op->prefill_value_dim, context, batch);
    time->forward_s[KERF_TRAIN_ATTENTION] += score_s + value_s;
    time->input_s[KERF_TRAIN_ATTENTION] += 2.0 * (score_s + value_s);
    struct kerf_work_time softmax = {0};
    add_elementwise(pass, &score_row, scores, &softmax);
    if (pass->stack->dropout)
        add_elementwise(pass, &dropout_row, scores, &softmax);
    time->forward_s[KERF_TRAIN_ATTENTION] += softmax.forward_s[KERF_TRAIN_ELEMENTWISE];
    time->input_s[KERF_TRAIN_ATTENTION] += softmax.input_s[KERF_TRAIN_ELEMENTWISE];
    time->forward_kernels += 6.0 + softmax.forward_kernels; /* transposes of heads besides */
    time->backward_kernels += 10.0 + softmax.backward_kernels;
}

/* The steps of a ring beyond the first: kernels of their own for each block, and their joining. */
static void add_ring_steps(const struct kerf_training_pass *pass, const struct kerf_operator *op,
                           struct kerf_work_time *time)
{
    double steps = pass->stack->gathers_context ? 0.0 : pass->layout->context - 1.0;
    double gap_s = pass->gpu->graph_gap_s + pass->gpu->attention_floor_16bit_s;
    struct kerf_work_time step = {0};
    if (steps <= 0.0)
        return;
    add_elementwise(pass, &ring_step_row, tokens_of(pass) * op->heads * op->prefill_value_dim, &step);
    step.forward_s[KERF_TRAIN_ATTENTION] += gap_s;
    step.input_s[KERF_TRAIN_ATTENTION] += 2.0 * gap_s;
    kerf_work_add(time, &step, steps);
}

static void add_attention(const struct kerf_training_pass *pass, const struct kerf_operator *op,
                          struct kerf_work_time *time)
{
    add_ring_steps(pass, op, time);
    double tokens = tokens_of(pass);
    double attended = pass->causal ? (pass->sequence + 1.0) / 2.0 : pass->sequence;
    const struct kerf_pass work_pass = {
        .prefill = {.tokens = tokens,
                    .sequences = pass->sequences,
                    .attended = tokens * attended,
                    .context_tokens = tokens},
        .kv = KERF_FORMAT_BF16,
        .activations = KERF_FORMAT_BF16,
    };
    bool fused = pass->stack->fused_attention && !pass->sinks;
    if (fused)
        add_fused_attention(pass, op, kerf_operator_work(op, &work_pass).flops, time);
    else
        add_plain_attention(pass, op, time);
}

/* Rows of the busiest rank when the tokens of a group choose at random. */
static double busiest_rows(const struct kerf_operator *op, double tokens, double ranks)
{
    const struct kerf_slice slice = {.expert_parallel = ranks};
    const struct kerf_pass group = {.prefill = {.tokens = tokens}};
    return kerf_gpu_busiest_expert_load(op, &group, &slice).rows;
}

/* A place for a pair of numbers: their bits, stirred (Fibonacci hashing). */
static size_t place_of(double tokens, double ranks)
{
    uint64_t bits[2];
    memcpy(&bits[0], &tokens, sizeof tokens);
    memcpy(&bits[1], &ranks, sizeof ranks);
    return (size_t)(((bits[0] ^ bits[1] >> 7) * UINT64_C(0x9E3779B97F4A7C15)) >> 52) % KERF_LOADS_KEPT;
}

static double remembered_rows(struct kerf_load_memo *loads, const struct kerf_operator *op, double tokens,
                              double ranks)
{
    if (!loads)
        return busiest_rows(op, tokens, ranks);
    size_t at = place_of(tokens, ranks);
    if (loads->load[at].rows <= 0.0 || loads->load[at].tokens != tokens || loads->load[at].ranks != ranks) {
        loads->load[at].tokens = tokens;
        loads->load[at].ranks = ranks;
        loads->load[at].rows = busiest_rows(op, tokens, ranks);
    }
    return loads->load[at].rows;
}

/* Experts of one rank. Tokens lie over the tensor-parallel ranks unless each expert is cut over them. */
static void add_experts(const struct kerf_training_pass *pass, const struct kerf_operator *op,
                        struct kerf_work_time *time)
{
    const struct kerf_training_layout *layout = pass->layout;
    double local = op->experts / layout->expert;
    double tokens = tokens_of(pass) * layout->expert_tensor / layout->tensor;
    double rows = tokens * op->top_k;
    if (!pass->balanced)
        rows = fmax(fmax(pass->skew, 1.0) * rows,
                    remembered_rows(pass->loads, op, tokens * layout->expert, layout->expert));
    double width = op->inputs, inner = op->expert_d_ff / layout->expert_tensor;
    double halves = op->matrices_per_expert - 1.0;
    add_linear(pass, pass->precision, rows / local, halves * inner, width, local, time);
    add_linear(pass, pass->precision, rows / local, width, inner, local, time);
    add_elementwise(pass, halves > 1.0 ? &gated_activation : &plain_activation, rows * inner, time);
    double factor = pass->stack->expert_factor > 0.0 ? pass->stack->expert_factor : 1.0;
    add_elementwise(pass, &permute_row, factor * rows * width, time);
    time->forward_kernels += expert_kernels + local * kernels_of_expert;
    time->backward_kernels += expert_kernels + 1.5 * local * kernels_of_expert;
}

/* Elements that a norm or a residual touches on one rank. */
static double cut_by_sequence(const struct kerf_training_pass *pass, double elements)
{
    return pass->layout->sequence_parallel ? elements / pass->layout->tensor : elements;
}

/* Adapters usually sit at the matrices around attention. */
static bool has_adapter(const struct kerf_operator *op)
{
    return strcmp(op->name, "qkv_proj") == 0 || strcmp(op->name, "o_proj") == 0;
}

static void add_operator(const struct kerf_training_pass *pass, const struct kerf_operator *op, bool in_layer,
                         struct kerf_work_time *time)
{
    const struct kerf_slice slice = {.tensor_parallel = pass->layout->tensor};
    struct kerf_operator own = kerf_gpu_shard(op, &slice);
    double tokens = tokens_of(pass);
    switch (op->kind) {
    case KERF_OP_LINEAR:
        add_linear(pass, in_layer ? pass->precision : kerf_precision_find("bf16"), tokens, own.outputs,
                   own.inputs, own.batch, time);
        if (pass->frozen && has_adapter(op)) {
            add_elementwise(pass, &adapter_input_row, tokens * own.inputs, time);
            add_elementwise(pass, &adapter_output_row, tokens * own.outputs, time);
        }
        break;
    case KERF_OP_LM_HEAD:
        add_linear(pass, kerf_precision_find("bf16"), tokens, own.outputs, own.inputs, 1.0, time);
        add_elementwise(pass, pass->stack->compiled ? &fused_loss_row : &loss_row, tokens * own.outputs,
                        time);
        break;
    case KERF_OP_ROUTER:
        add_linear(pass, kerf_precision_find("bf16"), cut_by_sequence(pass, tokens), own.outputs, own.inputs,
                   1.0, time);
        add_elementwise(pass, &loss_row, cut_by_sequence(pass, tokens * own.outputs), time);
        break;
    case KERF_OP_ATTENTION:
        add_attention(pass, &own, time);
        break;
    case KERF_OP_EXPERTS:
        add_experts(pass, op, time);
        break;
    case KERF_OP_NORM:
        add_elementwise(pass, &norm_row,
                        op->shard == KERF_SHARD_NONE ? cut_by_sequence(pass, tokens * own.inputs)
                                                     : tokens * own.inputs,
                        time);
        break;
    case KERF_OP_RESIDUAL:
        add_elementwise(pass, &residual_row, cut_by_sequence(pass, tokens * own.inputs), time);
        if (pass->stack->dropout)
            add_elementwise(pass, &dropout_row, cut_by_sequence(pass, tokens * own.inputs), time);
        break;
    case KERF_OP_ROTARY:
        add_elementwise(pass, &rotary_row, tokens * own.inputs, time);
        break;
    case KERF_OP_ACTIVATION:
        add_elementwise(pass, op->batch > 1.0 ? &gated_activation : &plain_activation, tokens * own.inputs,
                        time);
        break;
    case KERF_OP_EMBED:
        add_elementwise(pass, &residual_row, cut_by_sequence(pass, tokens * own.outputs), time);
        break;
    case KERF_OP_KV_WRITE: /* nothing is cached */
    case KERF_OP_SAMPLE:   /* the loss is the head's */
    case KERF_OP_COUNT:
        break;
    }
}

struct kerf_work_time kerf_training_list_time(const struct kerf_training_pass *pass,
                                              const struct kerf_operator_list *list, bool in_layer)
{
    struct kerf_work_time time = {0};
    struct kerf_work_time first = {0};
    for (int i = 0; i < list->count; i++)
        add_operator(pass, &list->op[i], in_layer, &first);
    kerf_work_add(&time, &first, 1.0 / pass->stack->release_factor);
    time.forward_kernels = first.forward_kernels;
    time.backward_kernels = first.backward_kernels;
    return time;
}

double kerf_work_forward_s(const struct kerf_work_time *time)
{
    double sum_s = 0.0;
    for (int i = 0; i < KERF_TRAIN_KERNELS; i++)
        sum_s += time->forward_s[i];
    return sum_s;
}

double kerf_work_backward_s(const struct kerf_work_time *time)
{
    double sum_s = 0.0;
    for (int i = 0; i < KERF_TRAIN_KERNELS; i++)
        sum_s += time->input_s[i] + time->weight_s[i];
    return sum_s;
}

double kerf_work_weight_s(const struct kerf_work_time *time)
{
    double sum_s = 0.0;
    for (int i = 0; i < KERF_TRAIN_KERNELS; i++)
        sum_s += time->weight_s[i];
    return sum_s;
}

void kerf_work_add(struct kerf_work_time *sum, const struct kerf_work_time *more, double times)
{
    for (int i = 0; i < KERF_TRAIN_KERNELS; i++) {
        sum->forward_s[i] += times * more->forward_s[i];
        sum->input_s[i] += times * more->input_s[i];
        sum->weight_s[i] += times * more->weight_s[i];
    }
    sum->forward_kernels += times * more->forward_kernels;
    sum->backward_kernels += times * more->backward_kernels;
}
