/* The table of schedules: the patterns of each, and what each asks for. */
#include "models/training/schedule.h"
#include "models/training/schedule_custom.h"

#include <string.h>

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Y. Huang et al., "GPipe", NeurIPS 2019: all forward passes, then all backward passes. */
static uint32_t gpipe(const struct kerf_schedule *schedule, uint32_t stage, struct kerf_phase *phase)
{
    (void)stage;
    phase[0] = (struct kerf_phase){"F0", schedule->micro_batches};
    phase[1] = (struct kerf_phase){"B0", schedule->micro_batches};
    return 2;
}

/* (p - 1) (F + B) / v for v chunks: arXiv 2104.04473, s. 2.2. */
static double bubble_of_1f1b(const struct kerf_schedule *schedule, double forward, double backward,
                             double weight)
{
    (void)weight;
    return (schedule->stages - 1.0) * (forward + backward) / schedule->chunks;
}

/* 1F1B and its interleaved form (D. Narayanan et al., arXiv 2104.04473, s. 2.2): a stage starts as many
 * micro-batches as it takes until the first gradient is back, then alternates. With several chunks the
 * passes of `stages` micro-batches go through a chunk before the next chunk's turn. */
static uint32_t one_forward_one_backward(const struct kerf_schedule *schedule, uint32_t stage,
                                         struct kerf_phase *phase)
{
    uint32_t passes = schedule->micro_batches * schedule->chunks, behind = schedule->stages - stage - 1;
    uint32_t warm = least(
        schedule->chunks == 1 ? behind : 2 * behind + (schedule->chunks - 1) * schedule->stages, passes);
    phase[0] = (struct kerf_phase){"F0", warm};
    phase[1] = (struct kerf_phase){"F0B0", passes - warm};
    phase[2] = (struct kerf_phase){"B0", warm};
    return 3;
}

static enum kerf_status check_interleaved(const struct kerf_schedule *schedule, struct kerf_error *error)
{
    KERF_CHECK(schedule->chunks > 1, KERF_ERR_USAGE,
               "interleaved 1F1B wants at least 2 chunks per stage (got %u); with one it is 1f1b",
               schedule->chunks);
    KERF_CHECK(schedule->micro_batches % schedule->stages == 0, KERF_ERR_USAGE,
               "interleaved 1F1B sends micro-batches round in groups of %u, one per stage: %u micro-batches "
               "do not divide; take a multiple of %u",
               schedule->stages, schedule->micro_batches, schedule->stages);
    return KERF_OK;
}

/* ZB-H1 (P. Qi et al., arXiv 2401.10241, s. 3): 1F1B whose weight gradients wait, on stage s for s
 * micro-batches, so that gradients of inputs travel first and no stage holds more than the first. */
static uint32_t zero_bubble_h1(const struct kerf_schedule *schedule, uint32_t stage, struct kerf_phase *phase)
{
    uint32_t all = schedule->micro_batches, warm = least(schedule->stages - stage - 1, all);
    uint32_t late = least(stage, all - warm);
    phase[0] = (struct kerf_phase){"F0", warm};
    phase[1] = (struct kerf_phase){"F0I0", late};
    phase[2] = (struct kerf_phase){"F0I0W*", all - warm - late};
    phase[3] = (struct kerf_phase){"I0W*", warm};
    phase[4] = (struct kerf_phase){"W*", late};
    return 5;
}

/* (p - 1) (F + B - 2 W), arXiv 2401.10241, table 2, where that W is no longer than the rest of B; else
 * weights fill what gradients of inputs leave. */
static double bubble_of_zb_h1(const struct kerf_schedule *schedule, double forward, double backward,
                              double weight)
{
    double input = backward - weight;
    return (schedule->stages - 1.0) * (forward + (input > weight ? input - weight : 0.0));
}

/* ZBV (P. Qi et al., arXiv 2405.15362): two chunks per stage laid in a V, so that the last place of the
 * network is on the first stage. Laid out for at least 2 p - 1 micro-batches; with fewer those that there are
 * not drop out. */
static uint32_t zero_bubble_v(const struct kerf_schedule *schedule, uint32_t stage, struct kerf_phase *phase)
{
    uint32_t stages = schedule->stages, ahead = stages - stage;
    uint32_t all = schedule->micro_batches > 2 * stages - 1 ? schedule->micro_batches : 2 * stages - 1;
    phase[0] = (struct kerf_phase){"F0", 2 * ahead - 1};
    phase[1] = (struct kerf_phase){"F1F0", stage};
    phase[2] = (struct kerf_phase){"F1I1W1", ahead};
    phase[3] = (struct kerf_phase){"F0I0W0F1I1W1", all - (2 * stages - stage - 1)};
    phase[4] = (struct kerf_phase){"I0W0F1I1W1", ahead - 1};
    phase[5] = (struct kerf_phase){"I0I1", stage};
    phase[6] = (struct kerf_phase){"I0W0", ahead};
    phase[7] = (struct kerf_phase){"W1", stage};
    phase[8] = (struct kerf_phase){"W0", stage};
    return 9;
}

/* Nobody waits once he began, if forward and both halves of the backward take the same; the last stage begins
 * p - 1 passes of one chunk after the first. */
static double bubble_of_zbv(const struct kerf_schedule *schedule, double forward, double backward,
                            double weight)
{
    (void)backward;
    (void)weight;
    return (schedule->stages - 1.0) * forward / 2.0;
}

/* DualPipe (DeepSeek-AI, arXiv 2412.19437, s. 3.2.1, and the schedule that they published with it): two
 * copies of the network, one in each direction, so that a forward of one and a backward of the other run side
 * by side and hide each other's communication. Chunk 0 is here the copy whose beginning is nearer. */
static uint32_t dual_pipe(const struct kerf_schedule *schedule, uint32_t stage, struct kerf_phase *phase)
{
    uint32_t half = schedule->stages / 2, inward = least(stage, schedule->stages - 1 - stage);
    uint32_t outer = half - inward - 1, turns = inward + 1, whole = turns / 2, odd_turns = turns % 2;
    uint32_t main_turns = schedule->micro_batches / 2 - schedule->stages + turns;
    phase[0] = (struct kerf_phase){"F0", 2 * outer};
    phase[1] = (struct kerf_phase){"F0F1", turns};
    phase[2] = (struct kerf_phase){"I1W*F1", outer};
    /* In the middle the first pair is done one after the other, which passes the forward on sooner. */
    phase[3] = (struct kerf_phase){outer == 0 ? "F0B1P1" : "P0P1", 1};
    phase[4] = (struct kerf_phase){"P0P1", main_turns - 1};
    phase[5] = (struct kerf_phase){"B1P1", outer};
    /* The second half of the last backward passes leaves the weights for the end. */
    phase[6] = (struct kerf_phase){"B1B0", whole};
    phase[7] = (struct kerf_phase){"B1I0", odd_turns};
    phase[8] = (struct kerf_phase){"I1I0", turns - whole - odd_turns};
    phase[9] = (struct kerf_phase){"W*I0", outer};
    phase[10] = (struct kerf_phase){"W*", turns};
    return 11;
}

/* (p / 2 - 1) (F&B + B - 3 W): arXiv 2412.19437, table 2; exact if forward and both halves of the backward
 * take the same. There F, B and W are of a pass of one micro-batch through one stage, as here: a micro-batch
 * goes through one of the two chunks only. */
static double bubble_of_dual_pipe(const struct kerf_schedule *schedule, double forward, double backward,
                                  double weight)
{
    return (schedule->stages / 2.0 - 1.0) * (forward + 2.0 * backward - 3.0 * weight);
}

static enum kerf_status check_dual_pipe(const struct kerf_schedule *schedule, struct kerf_error *error)
{
    KERF_CHECK(schedule->stages % 2 == 0, KERF_ERR_USAGE,
               "DualPipe sends micro-batches from both ends to the middle: it wants an even number of stages "
               "(got %u)",
               schedule->stages);
    KERF_CHECK(schedule->micro_batches % 2 == 0 && schedule->micro_batches >= 2 * schedule->stages,
               KERF_ERR_USAGE,
               "DualPipe wants an even number of micro-batches, at least two per stage: %u for %u stages "
               "(got %u)",
               2 * schedule->stages, schedule->stages, schedule->micro_batches);
    return KERF_OK;
}

static const struct kerf_schedule_kind gpipe_kind = {.name = "gpipe",
                                                     .what = "all forward passes, then all backward passes",
                                                     .placement = KERF_PLACE_LOOP,
                                                     .chunks = 1,
                                                     .copies_of_weights = 1,
                                                     .bubble = bubble_of_1f1b,
                                                     .phases = gpipe};

static const struct kerf_schedule_kind one_kind = {.name = "1f1b",
                                                   .what = "one forward, one backward in turn",
                                                   .placement = KERF_PLACE_LOOP,
                                                   .chunks = 1,
                                                   .copies_of_weights = 1,
                                                   .bubble = bubble_of_1f1b,
                                                   .phases = one_forward_one_backward};

static const struct kerf_schedule_kind interleaved_kind = {.name = "interleaved",
                                                           .what = "1F1B over several chunks per stage",
                                                           .placement = KERF_PLACE_LOOP,
                                                           .copies_of_weights = 1,
                                                           .check = check_interleaved,
                                                           .bubble = bubble_of_1f1b,
                                                           .phases = one_forward_one_backward};

static const struct kerf_schedule_kind zb_h1_kind = {.name = "zb-h1",
                                                     .what = "1F1B with weight gradients left for later",
                                                     .placement = KERF_PLACE_LOOP,
                                                     .chunks = 1,
                                                     .splits = true,
                                                     .copies_of_weights = 1,
                                                     .bubble = bubble_of_zb_h1,
                                                     .phases = zero_bubble_h1};

static const struct kerf_schedule_kind zbv_kind = {.name = "zbv",
                                                   .what = "zero bubble over two chunks laid in a V",
                                                   .placement = KERF_PLACE_VEE,
                                                   .chunks = 2,
                                                   .splits = true,
                                                   .copies_of_weights = 1,
                                                   .bubble = bubble_of_zbv,
                                                   .phases = zero_bubble_v};

static const struct kerf_schedule_kind dual_pipe_kind = {
    .name = "dualpipe",
    .what = "two copies in opposite directions, a forward beside a backward",
    .placement = KERF_PLACE_BOTH_WAYS,
    .chunks = 2,
    .splits = true,
    .pairs = true,
    .copies_of_weights = 2,
    .check = check_dual_pipe,
    .bubble = bubble_of_dual_pipe,
    .phases = dual_pipe};

const struct kerf_schedule_kind *const kerf_schedules[] = {&gpipe_kind,          &one_kind, &interleaved_kind,
                                                           &zb_h1_kind,          &zbv_kind, &dual_pipe_kind,
                                                           &kerf_schedule_custom};
const size_t kerf_schedule_count = sizeof kerf_schedules / sizeof kerf_schedules[0];

const struct kerf_schedule_kind *kerf_schedule_find(const char *name)
{
    for (size_t i = 0; i < kerf_schedule_count; i++)
        if (strcmp(kerf_schedules[i]->name, name) == 0)
            return kerf_schedules[i];
    return NULL;
}
