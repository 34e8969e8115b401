/* The workload room: lengths of requests. Knows distributions and traces; not when requests come. */
#include "models/workload/lengths.h"

#include "models/workload/session.h"
#include "sim/engine/random.h"

#include <math.h>
#include <stdbool.h>

enum { STREAM_PROMPTS = 2, STREAM_OUTPUTS = 3, STREAM_REASONING = 5, STREAM_ANSWERS = 6 };
enum { REQUESTS_MOST = 2000000000 };

/* Longer than any context: drawn lengths stay whole numbers of 32 bits. */
static const double longest_draw = 1e9;

static uint32_t whole(double tokens, double least)
{
    return (uint32_t)fmin(fmax(least, round(tokens)), longest_draw);
}

static uint32_t drawn(const struct kerf_workload *workload, const struct kerf_draws *lengths, uint64_t stream,
                      uint64_t number, double least)
{
    return whole(kerf_draws_value(lengths, workload->seed, stream, number), least);
}

/* Between the least ratio and 1, the same for reasoning and answer of a request. */
static double nominal_ratio(const struct kerf_workload *workload, uint64_t stream, uint64_t number)
{
    double least = workload->length_ratio_least;
    return least + (1.0 - least) * kerf_random_uniform(workload->seed, stream, number);
}

static void draw_output(const struct kerf_workload *workload, uint64_t number, struct kerf_lengths *lengths)
{
    const struct kerf_draws *reasoning = &workload->reasoning_lengths, *answer = &workload->answer_lengths;
    double ratio = nominal_ratio(workload, STREAM_OUTPUTS, number);
    if (reasoning->kind != KERF_DRAWS_NOMINAL)
        lengths->reasoning = drawn(workload, reasoning, STREAM_REASONING, number, 0.0);
    else
        lengths->reasoning = whole(workload->reasoning_tokens * ratio, 0.0);
    if (answer->kind != KERF_DRAWS_NOMINAL) {
        lengths->answer = drawn(workload, answer, STREAM_ANSWERS, number, 1.0);
        return;
    }
    if (reasoning->kind != KERF_DRAWS_NOMINAL) {
        lengths->answer = whole(workload->answer_tokens * ratio, 1.0);
        return;
    }
    /* Their sum is rounded, not each. */
    uint32_t output = whole((workload->reasoning_tokens + workload->answer_tokens) * ratio, 1.0);
    lengths->reasoning = lengths->reasoning < output ? lengths->reasoning : output;
    lengths->answer = output - lengths->reasoning;
}

struct kerf_lengths kerf_lengths_drawn(const struct kerf_workload *workload, uint64_t number)
{
    struct kerf_lengths lengths = {0};
    if (workload->prompt_lengths.kind != KERF_DRAWS_NOMINAL)
        lengths.prompt = drawn(workload, &workload->prompt_lengths, STREAM_PROMPTS, number, 1.0);
    else
        lengths.prompt =
            whole(workload->prompt_tokens * nominal_ratio(workload, STREAM_PROMPTS, number), 1.0);
    draw_output(workload, number, &lengths);
    return lengths;
}

struct kerf_lengths kerf_lengths_of(const struct kerf_workload *workload, uint64_t number)
{
    if (!workload->trace)
        return kerf_lengths_drawn(workload, number);
    const struct kerf_trace_request *request = &workload->trace->request[number];
    return (struct kerf_lengths){.prompt = request->prompt_tokens, .answer = request->output_tokens};
}

/* Counts one request more. */
static void measure(struct kerf_load_facts *facts, const struct kerf_lengths *one)
{
    double tokens = (double)one->prompt + one->reasoning + one->answer;
    facts->prompt_tokens += one->prompt;
    facts->reasoning_tokens += one->reasoning;
    facts->answer_tokens += one->answer;
    facts->longest_prompt = fmax(facts->longest_prompt, one->prompt);
    if (tokens > facts->longest_tokens) {
        facts->longest_tokens = tokens;
        facts->longest_request = facts->requests;
    }
    facts->requests++;
}

static void measure_sessions(const struct kerf_workload *workload, struct kerf_load_facts *facts)
{
    struct kerf_lengths one;
    double pause_s;
    for (int i = 0; i < workload->sessions.count; i++) {
        struct kerf_session session = kerf_session_begin(workload, (uint32_t)i);
        while (facts->requests < REQUESTS_MOST && kerf_session_next(workload, &session, &one, &pause_s))
            measure(facts, &one);
    }
}

struct kerf_load_facts kerf_load_measure(const struct kerf_workload *workload)
{
    struct kerf_load_facts facts = {.prompt_tokens = workload->prompt_tokens,
                                    .reasoning_tokens = workload->reasoning_tokens,
                                    .answer_tokens = workload->answer_tokens,
                                    .longest_prompt = ceil(workload->prompt_tokens),
                                    .longest_tokens =
                                        ceil(workload->prompt_tokens) +
                                        ceil(workload->reasoning_tokens + workload->answer_tokens)};
    bool looks = workload->trace || workload->sessions.count > 0 ||
                 workload->prompt_lengths.kind != KERF_DRAWS_NOMINAL ||
                 workload->reasoning_lengths.kind != KERF_DRAWS_NOMINAL ||
                 workload->answer_lengths.kind != KERF_DRAWS_NOMINAL;
    facts.requests = workload->requests;
    if (!looks || (workload->requests <= 0 && workload->sessions.count <= 0))
        return facts;
    facts = (struct kerf_load_facts){0};
    if (workload->sessions.count > 0)
        measure_sessions(workload, &facts);
    for (int i = 0; i < workload->requests && workload->sessions.count <= 0; i++) {
        struct kerf_lengths one = kerf_lengths_of(workload, (uint64_t)i);
        measure(&facts, &one);
    }
    facts.prompt_tokens /= facts.requests;
    facts.reasoning_tokens /= facts.requests;
    facts.answer_tokens /= facts.requests;
    return facts;
}
