/* The study room: rows of measurement tables as questions. Knows how the measurers work (who counts what,
 * which lengths they draw); each assumption about what a row leaves open stands here, in one place. */
#include "sim/study/measurement.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum kerf_measured kind;
} metrics[] = {
    {"tpot_s", KERF_MEASURED_TPOT},
    {"ttft_s", KERF_MEASURED_TTFT},
    {"output_tok_s_per_user", KERF_MEASURED_USER_SPEED},
    {"e2e_output_tok_s_per_request", KERF_MEASURED_REQUEST_SPEED},
    {"total_tok_s", KERF_MEASURED_TOTAL_SPEED},
    {"prefill_tok_s", KERF_MEASURED_PREFILL_SPEED},
    {"e2e_s", KERF_MEASURED_E2E},
    {"output_tok_s", KERF_MEASURED_OUTPUT_SPEED},
    {"output_tok_s_per_accelerator", KERF_MEASURED_OUTPUT_SPEED_PER_ACCELERATOR},
    {"j_per_output_token", KERF_MEASURED_ENERGY},
};

/* An endpoint's row that states no lengths: Artificial Analysis' workload of the time, 1,000 tokens in and
 * out, since 2026 10,000 in. Output speed hardly depends on it. */
static const double endpoint_prompt_tokens = 1000.0, endpoint_prompt_tokens_2026 = 10000.0,
                    endpoint_output_tokens = 1000.0;

/* Since this day the endpoint that the rows call "Cerebras Inference" says that it may speculate; small
 * networks have no drafter that is much smaller than they are. */
static const char endpoint_speculates_since[] = "2024-10";

/* InferenceMAX sends 10 prompts per unit of concurrency, all at once and then one for each answer; lengths go
 * down to this share of the nominal (its benchmark client: --num-prompts $((CONC * 10)) --max-concurrency
 * $CONC --request-rate inf --random-range-ratio 0.8). */
enum { INFERENCEMAX_PROMPTS_PER_USER = 10 };
static const double inferencemax_length_ratio = 0.8;
/* InferenceMAX publishes means and medians. Rows that come by way of aiconfigurator's sample of them are
 * means: ai-dynamo/aisimulate (scripts/e2e_accuracy/build_e2e_accuracy_overview.py) fills the columns of that
 * name with mean_ttft and mean_tpot. */
static const char source_of_means[] = "silicon_sample.csv";

/* trtllm-bench hands over all requests at once: as many as TensorRT-LLM's performance overview lists for the
 * lengths (docs/source/performance/perf-overview.md, "Preparing a Dataset", v0.19 to v1.2); for lengths that
 * it does not list, enough for a steady state. It schedules at most this many of them together, for each
 * attention group. */
static const struct {
    double prompt_tokens, output_tokens;
    int requests;
} max_load[] = {
    {128, 128, 30000},  {128, 2048, 3000},  {128, 4096, 1500},   {500, 2000, 3000},   {1000, 1000, 3000},
    {2048, 128, 3000},  {2048, 2048, 1500}, {5000, 500, 1500},   {20000, 2000, 1000}, {1024, 1024, 3000},
    {8192, 1024, 1500}, {1024, 8192, 1500}, {32768, 1024, 1000}, {1024, 32768, 1000},
};
/* max_num_batched_tokens of vLLM in 2023 was at least the longest context, 4096 of Llama 2. */
enum { VLLM_2023_BATCHED_TOKENS = 4096 };
enum { MAX_LOAD_REQUESTS = 3000, MAX_LOAD_SEQUENCES = 2048 };

/* Options of InferenceMAX's scripts for TensorRT-LLM (SemiAnalysisAI/InferenceX, benchmarks/70b_*_trt_*.sh,
 * gptoss_*_trt_*.sh, dsr1_*_trt_*.sh of 2025): tokens of a step; prompts that wait for others where the
 * scripts have them wait, which is for 1,024 tokens in and out on less than eight GPUs. */
static const struct {
    const char *network; /* NULL: any other */
    int token_budget;    /* 0: users + prompt, rounded up */
    int wait_steps;
} inferencemax_trtllm[] = {{"llama-3.1-70b", 10240, 20}, {"gpt-oss-120b", 20000, 0}, {NULL, 0, 0}};
enum { INFERENCEMAX_WAIT_TOKENS = 1024, INFERENCEMAX_WAIT_GPUS = 8 };
static const double inferencemax_wait_share = 0.9;

/* Serving software by the words of a row and the day it was measured, the first that fits; what is not named
 * here is `overlapped`. */
static const struct {
    const char *word, *until, *entry; /* `until`: rows before that day; NULL: any */
    const char *hardware;             /* it begins with this; NULL: any */
} engines[] = {{"vLLM (2023)", NULL, "vllm-2023", NULL},
               {"vLLM", "2025", "vllm-2024-rocm", "mi"},
               {"vLLM", "2025", "vllm-2024", NULL},
               {"vllm", NULL, "vllm", NULL},
               {"vLLM", NULL, "vllm-2025", NULL},
               {"sglang", NULL, "sglang", NULL},
               {"SGLang", NULL, "sglang", NULL},
               {"trtllm", NULL, "tensorrt-llm", NULL},
               {"TensorRT-LLM", NULL, "tensorrt-llm", NULL}};

/* Parts that a source names without their memory. Argonne's "Nvidia A100" are those of Polaris, four of 40 GB
 * to a node: with 80 GB a batch of 64 prompts of 2048 + 2048 tokens would run together, but it took ten times
 * as long as one, as the cache left beside 35 GB of weights makes it. */
static const struct {
    const char *source, *hardware, *meant;
} corrections[] = {{"argonne-lcf/LLM-Inference-Bench", "a100-80gb-sxm", "a100-40gb-sxm"}};

/* Mean prompts of the data sets that rows name instead of a length. ML.ENERGY asks with the history of LM
 * Arena's conversations, every turn once (ml-energy/benchmark, mlenergy/llm/datasets.py): with 2 turns on
 * average (LMSYS-Chat-1M, arXiv 2309.11998, table 1), each as likely to be followed as the one before, that
 * is 2 questions of 95 and an answer of 269 tokens (Chatbot Arena, arXiv 2403.04132, table 1). A question of
 * GPQA with its choices is taken as 250. */
static const struct {
    const char *name;
    double prompt_tokens;
} data_sets[] = {{"lm-arena-chat", 459.0}, {"gpqa", 250.0}};

struct row {
    const struct kerf_csv *csv;
    int row;
};

static const char *field(const struct row *r, const char *name)
{
    return kerf_csv_field(r->csv, r->row, kerf_csv_column(r->csv, name));
}

/* A whole field as a positive number, or NAN. */
static double number(const struct row *r, const char *name)
{
    const char *text = field(r, name);
    char *end;
    double value = strtod(text, &end);
    return end != text && !*end && value > 0.0 && isfinite(value) ? value : NAN;
}

static void refuse(struct kerf_measurement *m, const char *reason)
{
    kerf_prediction_refuse(m->answer, "%s", reason);
}

static void read_metric(const struct row *r, struct kerf_measurement *m)
{
    struct kerf_prediction *p = m->answer;
    size_t i = 0;
    snprintf(p->id, sizeof p->id, "%s", field(r, "id"));
    snprintf(p->use, sizeof p->use, "%s", field(r, "use"));
    snprintf(p->metric, sizeof p->metric, "%s", field(r, "metric"));
    snprintf(p->subject, sizeof p->subject, "%s", field(r, "network"));
    snprintf(p->hardware, sizeof p->hardware, "%s", field(r, "hardware"));
    snprintf(p->software, sizeof p->software, "%s", field(r, "engine"));
    p->measured = number(r, "value");
    p->naive.value = p->measured;
    p->naive.power = 1;
    snprintf(p->naive.pool, sizeof p->naive.pool, "%.64s %s", p->hardware, p->metric);
    while (i < sizeof metrics / sizeof metrics[0] && strcmp(metrics[i].name, p->metric) != 0)
        i++;
    const char *scored = field(r, "scored");
    if (*scored && strcmp(scored, "yes") != 0)
        refuse(m, scored);
    if (i == sizeof metrics / sizeof metrics[0]) {
        kerf_prediction_refuse(p, "metric %s is not predicted yet", p->metric);
    } else {
        m->kind = metrics[i].kind;
    }
    if (isnan(p->measured))
        refuse(m, "no measured value");
}

static void copy(char *to, const char *from)
{
    snprintf(to, KERF_SETTING_TEXT_BYTES, "%s", from);
}

/* "480x480 cores", "660x660 cores prefill, 360x360 decode": sides of square blocks of PEs. */
static void read_block(const struct row *r, struct kerf_measurement *m)
{
    int rows, columns, decode_rows, decode_columns;
    const char *notes = field(r, "notes"), *both = strstr(notes, "cores prefill, ");
    while (*notes && sscanf(notes, "%dx%d cores", &rows, &columns) != 2)
        notes++;
    if (!*notes || rows != columns || !strstr(notes, " cores"))
        return;
    m->block = (struct kerf_kernel_block){.prefill_pes = rows, .decode_pes = rows};
    if (both && sscanf(both, "cores prefill, %dx%d decode", &decode_rows, &decode_columns) == 2)
        m->block.decode_pes = decode_rows;
}

static void read_lengths(const struct row *r, bool endpoint, struct kerf_measurement *m)
{
    struct kerf_workload_spec *workload = &m->spec.workload;
    workload->prompt_tokens = number(r, "input_tokens");
    workload->answer_tokens = number(r, "output_tokens");
    for (size_t i = 0; i < sizeof data_sets / sizeof data_sets[0]; i++)
        if (strcmp(field(r, "input_tokens"), data_sets[i].name) == 0)
            workload->prompt_tokens = data_sets[i].prompt_tokens;
    if (endpoint && isnan(workload->prompt_tokens))
        workload->prompt_tokens =
            strcmp(field(r, "date"), "2026") >= 0 ? endpoint_prompt_tokens_2026 : endpoint_prompt_tokens;
    if (endpoint && isnan(workload->answer_tokens))
        workload->answer_tokens = endpoint_output_tokens;
    if (m->kind == KERF_MEASURED_PREFILL_SPEED ||
        (m->block.decode_pes > 0.0 && isnan(workload->answer_tokens)))
        workload->answer_tokens = 1.0;
    if (isnan(workload->prompt_tokens) || isnan(workload->answer_tokens))
        refuse(m, "lengths unknown");
}

static double max_load_requests(const struct kerf_workload_spec *workload)
{
    for (size_t i = 0; i < sizeof max_load / sizeof max_load[0]; i++)
        if (max_load[i].prompt_tokens == workload->prompt_tokens &&
            max_load[i].output_tokens == workload->answer_tokens)
            return max_load[i].requests;
    return MAX_LOAD_REQUESTS;
}

static void set_inferencemax_options(int users, struct kerf_measurement *m)
{
    struct kerf_system_spec *spec = &m->spec;
    int prompt = (int)spec->workload.prompt_tokens, answer = (int)spec->workload.answer_tokens, i = 0;
    while (inferencemax_trtllm[i].network && strcmp(inferencemax_trtllm[i].network, m->network) != 0)
        i++;
    spec->token_budget = inferencemax_trtllm[i].token_budget;
    if (spec->token_budget == 0)
        spec->token_budget = (users + prompt + 127) / 64 * 64;
    if (prompt == INFERENCEMAX_WAIT_TOKENS && answer == INFERENCEMAX_WAIT_TOKENS &&
        spec->tensor < INFERENCEMAX_WAIT_GPUS)
        spec->wait_steps = inferencemax_trtllm[i].wait_steps;
    spec->wait_share = inferencemax_wait_share;
}

static void read_load(const struct row *r, bool endpoint, struct kerf_measurement *m)
{
    struct kerf_workload_spec *workload = &m->spec.workload;
    const char *arrival = field(r, "arrival"), *text = field(r, "concurrency");
    double concurrency = number(r, "concurrency");
    if (isnan(concurrency) && !*text && (endpoint || m->kind == KERF_MEASURED_USER_SPEED))
        concurrency = 1.0;
    if (isnan(concurrency) && strstr(arrival, "max load")) {
        m->max_load = true;
        concurrency = max_load_requests(workload);
        if (workload->prompt_tokens + MAX_LOAD_SEQUENCES > m->spec.token_budget)
            m->spec.token_budget = (int)workload->prompt_tokens + MAX_LOAD_SEQUENCES;
        m->spec.max_sequences =
            MAX_LOAD_SEQUENCES * (m->spec.attention_data > 1 ? m->spec.attention_data : 1);
    }
    /* A server kept full: the batch that it held on average. */
    const char *held = strstr(text, "avg batch ");
    if (isnan(concurrency) && held)
        concurrency = round(strtod(held + strlen("avg batch "), NULL));
    if (held && concurrency > m->spec.max_sequences)
        m->spec.max_sequences = (int)concurrency;
    if (isnan(concurrency) || concurrency < 1.0) {
        refuse(m, "concurrency unknown");
        return;
    }
    bool closed_loop = strstr(arrival, "closed loop") != NULL;
    if (closed_loop && strcmp(m->spec.engine, "tensorrt-llm") == 0)
        set_inferencemax_options((int)concurrency, m);
    workload->arrivals = KERF_ARRIVALS_CLOSED_LOOP;
    workload->users = (int)concurrency;
    workload->requests = (int)concurrency * (closed_loop ? INFERENCEMAX_PROMPTS_PER_USER : 1);
    workload->length_ratio_least = closed_loop ? inferencemax_length_ratio : 1.0;
    /* Prompts of a static batch are one phase, which ends with the last. */
    m->statistic = !closed_loop                                  ? KERF_STATISTIC_LAST
                   : strstr(field(r, "source"), source_of_means) ? KERF_STATISTIC_MEAN
                                                                 : KERF_STATISTIC_MEDIAN;
}

static int whole(double value, int otherwise)
{
    return isnan(value) ? otherwise : (int)value;
}

static void read_layout(const struct row *r, struct kerf_measurement *m)
{
    struct kerf_system_spec *spec = &m->spec;
    double count = number(r, "count"), tp = number(r, "tp"), dp = number(r, "dp"), pp = number(r, "pp");
    if (isnan(count) && !isnan(tp))
        count = tp * (isnan(dp) ? 1.0 : dp) * (isnan(pp) ? 1.0 : pp);
    m->count_unknown = isnan(count);
    spec->count = whole(count, 1);
    spec->replicas = 1;
    spec->tensor = whole(tp, 0);
    spec->expert = whole(number(r, "ep"), 0);
    spec->attention_data = whole(dp, 0);
    spec->pipeline = whole(pp, 1);
    if (!isnan(dp) && dp > 1.0 && isnan(tp))
        spec->tensor = spec->count / (int)dp > 0 ? spec->count / (int)dp : 1;
    if (strcmp(field(r, "disaggregated"), "yes") == 0)
        refuse(m, "disaggregated serving is not predicted yet");
}

/* Weights as stated; caches of networks served in 8 or 4 bit are fp8, as those engines' recipes have them. */
static void read_formats(const struct row *r, struct kerf_measurement *m)
{
    enum kerf_format weights;
    const char *stated = field(r, "weights"), *kv = field(r, "kv");
    copy(m->spec.weights, *stated ? stated : "native");
    copy(m->spec.kv, *kv ? kv : "bf16");
    if (!*stated)
        return;
    if (!kerf_format_find(stated, &weights)) {
        refuse(m, "weight format unknown");
        return;
    }
    copy(m->spec.weights, kerf_format_facts(weights)->name);
    if (!*kv && kerf_format_facts(weights)->bytes_per_element < 1.5)
        copy(m->spec.kv, "fp8");
}

static void read_speculation(const struct row *r, bool endpoint, struct kerf_measurement *m)
{
    const char *stated = field(r, "speculation");
    copy(m->spec.drafter, "none");
    if (*stated && strcmp(stated, "no") != 0)
        copy(m->spec.drafter, "draft-model");
    m->endpoint = endpoint;
    m->speculation_unknown =
        !*stated && (!*field(r, "date") || strcmp(field(r, "date"), endpoint_speculates_since) >= 0);
    if (strstr(field(r, "arrival"), "max load"))
        m->speculation_unknown = false; /* these tables name their options, and drafting is none of them */
}

static void scheduler_defaults(struct kerf_system_spec *spec)
{
    spec->token_budget = 8192;
    spec->max_sequences = 4096;
    spec->kv_block_tokens = 16;
    spec->reserved_output = -1.0;         /* the engine's */
    spec->prefix_cache = KERF_PREFIX_OFF; /* benchmarks send prompts that have nothing in common */
    copy(spec->engine, "overlapped");
    copy(spec->client_link, "ethernet-100g");
    copy(spec->published, "");
}

static void correct_hardware(const struct row *r, struct kerf_measurement *m)
{
    for (size_t i = 0; i < sizeof corrections / sizeof corrections[0]; i++)
        if (strstr(field(r, "source"), corrections[i].source) &&
            strcmp(m->hardware, corrections[i].hardware) == 0)
            copy(m->hardware, corrections[i].meant);
}

static void read_engine(const struct row *r, struct kerf_measurement *m)
{
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        bool before = !engines[i].until || strcmp(field(r, "date"), engines[i].until) < 0;
        const char *part = engines[i].hardware;
        bool fits = !part || strncmp(m->hardware, part, strlen(part)) == 0;
        if (before && fits && strstr(field(r, "engine"), engines[i].word)) {
            copy(m->spec.engine, engines[i].entry);
            return;
        }
    }
}

void kerf_measurement_read(const struct kerf_csv *csv, int row, struct kerf_measurement *m,
                           struct kerf_prediction *answer)
{
    const struct row r = {.csv = csv, .row = row};
    *m = (struct kerf_measurement){.answer = answer};
    read_metric(&r, m);
    copy(m->network, field(&r, "network"));
    copy(m->hardware, field(&r, "hardware"));
    correct_hardware(&r, m);
    bool endpoint = strstr(field(&r, "engine"), "Cerebras Inference") != NULL;
    copy(m->spec.name, answer->id);
    copy(m->spec.hardware, m->hardware);
    scheduler_defaults(&m->spec);
    read_engine(&r, m);
    read_block(&r, m);
    read_layout(&r, m);
    read_formats(&r, m);
    read_speculation(&r, endpoint, m);
    read_lengths(&r, endpoint, m);
    read_load(&r, endpoint, m);
    if (m->count_unknown && !endpoint)
        refuse(m, "accelerators unknown");
    if (endpoint && m->kind == KERF_MEASURED_E2E)
        refuse(m, "reasoning tokens unknown");
    if (strcmp(m->spec.engine, "vllm-2023") == 0)
        m->spec.token_budget = VLLM_2023_BATCHED_TOKENS;
}
