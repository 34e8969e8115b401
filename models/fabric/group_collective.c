/* The fabric room: ranks and groups as logical processes that meet. */
#include "models/fabric/group_collective.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVENT_COMES, EVENT_GOES };

struct rank_state {
    uint32_t step; /* it waits for the end of this one */
    kerf_time done;
};

struct group_state {
    bool *here; /* by member */
    uint32_t count;
};

static const struct kerf_group_program *program_of(const struct kerf_group_run *run, uint32_t lp)
{
    return &run->program[lp - run->first_lp];
}

static const struct kerf_group *group_of(const struct kerf_group_run *run, uint32_t lp)
{
    return &run->group[lp - run->first_lp - run->ranks];
}

static uint32_t group_lp(const struct kerf_group_run *run, uint32_t group)
{
    return run->first_lp + run->ranks + group;
}

/* Goes on to the next collective, or is done. */
static enum kerf_status come(const struct kerf_group_run *run, struct kerf_lp *lp, struct rank_state *own,
                             struct kerf_error *error)
{
    const struct kerf_group_program *program = program_of(run, kerf_lp_id(lp));
    if (own->step == program->steps) {
        own->done = kerf_lp_now(lp);
        return KERF_OK;
    }
    return kerf_lp_send(lp, group_lp(run, program->group[own->step]), program->between, EVENT_COMES, NULL, 0,
                        error);
}

static enum kerf_status rank_init(struct kerf_lp *lp, const void *setup, void *state,
                                  struct kerf_error *error)
{
    const struct kerf_group_run *run = setup;
    struct rank_state *own = state;
    own->done = KERF_TIME_NEVER;
    return program_of(run, kerf_lp_id(lp))->absent ? KERF_OK : come(run, lp, own, error);
}

static enum kerf_status rank_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                    struct kerf_error *error)
{
    struct rank_state *own = state;
    (void)event;
    own->step++;
    return come(kerf_lp_setup(lp), lp, own, error);
}

static bool rank_waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why,
                       size_t why_bytes)
{
    const struct kerf_group_run *run = kerf_lp_setup(lp);
    const struct rank_state *own = state;
    const struct kerf_group_program *program = program_of(run, kerf_lp_id(lp));
    if (own->step == program->steps)
        return false;
    *whom = program->absent ? kerf_lp_id(lp) : group_lp(run, program->group[own->step]);
    if (program->absent)
        snprintf(why, why_bytes, "rank %u never came", kerf_lp_id(lp) - run->first_lp);
    else
        snprintf(why, why_bytes, "rank %u is in '%s', its collective %u of %u",
                 kerf_lp_id(lp) - run->first_lp, run->group[program->group[own->step]].name, own->step + 1,
                 program->steps);
    return true;
}

static enum kerf_status group_init(struct kerf_lp *lp, const void *setup, void *state,
                                   struct kerf_error *error)
{
    const struct kerf_group_run *run = setup;
    struct group_state *own = state;
    own->here = calloc(group_of(run, kerf_lp_id(lp))->ranks + 1, sizeof *own->here);
    KERF_CHECK(own->here, KERF_ERR_FAILURE, "out of memory for a group");
    return KERF_OK;
}

static enum kerf_status group_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                     struct kerf_error *error)
{
    const struct kerf_group_run *run = kerf_lp_setup(lp);
    const struct kerf_group *group = group_of(run, kerf_lp_id(lp));
    struct group_state *own = state;
    for (uint32_t m = 0; m < group->ranks; m++)
        if (run->first_lp + group->rank[m] == event->source)
            own->here[m] = true;
    if (++own->count < group->ranks)
        return KERF_OK;
    own->count = 0;
    for (uint32_t m = 0; m < group->ranks; m++) {
        own->here[m] = false;
        KERF_TRY(
            kerf_lp_send(lp, run->first_lp + group->rank[m], group->duration, EVENT_GOES, NULL, 0, error));
    }
    return KERF_OK;
}

/* Names the first member that is missing. */
static bool group_waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why,
                        size_t why_bytes)
{
    const struct kerf_group_run *run = kerf_lp_setup(lp);
    const struct kerf_group *group = group_of(run, kerf_lp_id(lp));
    const struct group_state *own = state;
    uint32_t missing = 0;
    if (own->count == 0)
        return false;
    while (own->here[missing])
        missing++;
    *whom = run->first_lp + group->rank[missing];
    snprintf(why, why_bytes, "'%s' has %u of %u ranks and misses rank %u", group->name, own->count,
             group->ranks, group->rank[missing]);
    return true;
}

static void group_free(void *state)
{
    free(((struct group_state *)state)->here);
}

static const struct kerf_lp_kind rank_kind = {.name = "rank",
                                              .state_bytes = sizeof(struct rank_state),
                                              .init = rank_init,
                                              .handle = rank_handle,
                                              .waits = rank_waits};
static const struct kerf_lp_kind group_kind = {.name = "group",
                                               .state_bytes = sizeof(struct group_state),
                                               .init = group_init,
                                               .handle = group_handle,
                                               .free = group_free,
                                               .waits = group_waits};

static bool is_member(const struct kerf_group *group, uint32_t rank)
{
    for (uint32_t m = 0; m < group->ranks; m++)
        if (group->rank[m] == rank)
            return true;
    return false;
}

static enum kerf_status check(const struct kerf_group_run *run, struct kerf_error *error)
{
    for (uint32_t g = 0; g < run->groups; g++) {
        KERF_CHECK(run->group[g].duration > 0, KERF_ERR_USAGE, "'%s' must last longer than 0",
                   run->group[g].name);
        for (uint32_t m = 0; m < run->group[g].ranks; m++)
            KERF_CHECK(run->group[g].rank[m] < run->ranks, KERF_ERR_USAGE, "'%s' has rank %u; there are %u",
                       run->group[g].name, run->group[g].rank[m], run->ranks);
    }
    for (uint32_t r = 0; r < run->ranks; r++) {
        const struct kerf_group_program *program = &run->program[r];
        KERF_CHECK(program->between > 0, KERF_ERR_USAGE, "rank %u must compute longer than 0", r);
        for (uint32_t s = 0; s < program->steps; s++) {
            KERF_CHECK(program->group[s] < run->groups, KERF_ERR_USAGE,
                       "rank %u names group %u; there are %u", r, program->group[s], run->groups);
            KERF_CHECK(is_member(&run->group[program->group[s]], r), KERF_ERR_USAGE,
                       "rank %u takes part in '%s' and is no member of it", r,
                       run->group[program->group[s]].name);
        }
    }
    return KERF_OK;
}

enum kerf_status kerf_group_run_add(struct kerf_group_run *run, struct kerf_engine *engine,
                                    struct kerf_error *error)
{
    KERF_TRY(check(run, error));
    run->first_lp = kerf_engine_lps(engine);
    for (uint32_t r = 0; r < run->ranks; r++)
        kerf_engine_add(engine, &rank_kind, run, -1, 1.0);
    for (uint32_t g = 0; g < run->groups; g++)
        kerf_engine_add(engine, &group_kind, run, -1, run->group[g].ranks);
    for (uint32_t g = 0; g < run->groups; g++)
        for (uint32_t m = 0; m < run->group[g].ranks; m++) {
            uint32_t rank = run->group[g].rank[m];
            kerf_engine_connect(engine, run->first_lp + rank, group_lp(run, g), run->program[rank].between);
            kerf_engine_connect(engine, group_lp(run, g), run->first_lp + rank, run->group[g].duration);
        }
    return KERF_OK;
}

kerf_time kerf_group_run_done(const struct kerf_group_run *run, const struct kerf_engine *engine,
                              uint32_t rank)
{
    const struct rank_state *own = kerf_engine_state(engine, run->first_lp + rank);
    return own ? own->done : KERF_TIME_NEVER;
}
