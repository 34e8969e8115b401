/* The fabric room: collectives as phases in which every rank sends to one other. */
#include "models/fabric/traffic.h"

uint32_t kerf_plan_to(const struct kerf_plan *plan, const struct kerf_phase *phase, uint32_t rank)
{
    uint32_t group = plan->group, place = rank % group;
    if (!phase->across)
        return rank - place + (place + phase->shift) % group;
    return (rank / group + phase->shift) % (plan->ranks / group) * group + place;
}

uint32_t kerf_plan_from(const struct kerf_plan *plan, const struct kerf_phase *phase, uint32_t rank)
{
    struct kerf_phase back = *phase;
    uint32_t round = phase->across ? plan->ranks / plan->group : plan->group;
    back.shift = round - phase->shift % round;
    return kerf_plan_to(plan, &back, rank);
}

static uint32_t one_phase(const struct kerf_plan *plan)
{
    return plan->ranks > 1;
}

static struct kerf_phase shift_phase(const struct kerf_plan *plan, uint32_t index)
{
    (void)index;
    return (struct kerf_phase){.shift = plan->shift, .bytes = plan->bytes, .repeats = 1.0};
}

const struct kerf_plan_kind kerf_plan_shift = {"shift", one_phase, shift_phase};

/* Patarasuk and Yuan, JPDC 69(2), 2009. */
static struct kerf_phase ring_phase(const struct kerf_plan *plan, uint32_t index)
{
    (void)index;
    return (struct kerf_phase){
        .shift = 1, .bytes = plan->bytes / plan->group, .repeats = 2.0 * (plan->group - 1.0)};
}

const struct kerf_plan_kind kerf_plan_ring_allreduce = {"ring all-reduce", one_phase, ring_phase};

static struct kerf_phase gather_phase(const struct kerf_plan *plan, uint32_t index)
{
    (void)index;
    return (struct kerf_phase){.shift = 1, .bytes = plan->bytes / plan->group, .repeats = plan->group - 1.0};
}

const struct kerf_plan_kind kerf_plan_ring_allgather = {"ring all-gather", one_phase, gather_phase};

static uint32_t two_level_phases(const struct kerf_plan *plan)
{
    (void)plan;
    return 3;
}

/* Ying et al., arXiv 1811.06992 (2-D); Cho et al., BlueConnect, MLSys 2019 (hierarchical). */
static struct kerf_phase two_level_phase(const struct kerf_plan *plan, uint32_t index)
{
    uint32_t groups = plan->ranks / plan->group;
    double piece = plan->bytes / plan->group;
    if (index == 1)
        return (struct kerf_phase){
            .shift = 1, .across = true, .bytes = piece / groups, .repeats = 2.0 * (groups - 1.0)};
    return (struct kerf_phase){.shift = 1, .bytes = piece, .repeats = plan->group - 1.0};
}

const struct kerf_plan_kind kerf_plan_two_level_allreduce = {"two-level all-reduce", two_level_phases,
                                                             two_level_phase};

static uint32_t pairwise_phases(const struct kerf_plan *plan)
{
    return plan->group - 1;
}

static struct kerf_phase pairwise_phase(const struct kerf_plan *plan, uint32_t index)
{
    return (struct kerf_phase){.shift = index + 1, .bytes = plan->bytes / plan->group, .repeats = 1.0};
}

const struct kerf_plan_kind kerf_plan_alltoall = {"pairwise all-to-all", pairwise_phases, pairwise_phase};

static struct kerf_phase joined_phase(const struct kerf_plan *plan, uint32_t index)
{
    struct kerf_phase phase = pairwise_phase(plan, index);
    phase.joined = true;
    return phase;
}

const struct kerf_plan_kind kerf_plan_alltoall_at_once = {"all-to-all at once", pairwise_phases,
                                                          joined_phase};

static uint32_t two_level_alltoall_phases(const struct kerf_plan *plan)
{
    return plan->group - 1 + plan->ranks / plan->group - 1;
}

/* In the group each pair exchanges what is meant for that place in any group; across groups what is left. */
static struct kerf_phase two_level_alltoall_phase(const struct kerf_plan *plan, uint32_t index)
{
    uint32_t groups = plan->ranks / plan->group;
    if (index < plan->group - 1)
        return (struct kerf_phase){.shift = index + 1, .bytes = plan->bytes / plan->group, .repeats = 1.0};
    return (struct kerf_phase){
        .shift = index - plan->group + 2, .across = true, .bytes = plan->bytes / groups, .repeats = 1.0};
}

const struct kerf_plan_kind kerf_plan_two_level_alltoall = {"two-level all-to-all", two_level_alltoall_phases,
                                                            two_level_alltoall_phase};

double kerf_plan_closed_s(const struct kerf_plan *plan, const struct kerf_plain_network *network)
{
    uint32_t phases = plan->kind->phases(plan);
    double sum_s = 0.0, bytes = 0.0;
    for (uint32_t i = 0; i < phases; i++) {
        struct kerf_phase phase = plan->kind->phase(plan, i);
        bytes += phase.bytes;
        if (phase.joined && i + 1 < phases)
            continue;
        double latency_s = phase.across ? network->across_latency_s : network->in_latency_s;
        double bandwidth_Bps = phase.across ? network->across_Bps : network->in_Bps;
        sum_s += phase.repeats * (network->step_s + latency_s + bytes / bandwidth_Bps);
        bytes = 0.0;
    }
    return sum_s;
}
