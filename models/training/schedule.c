/* What holds for every schedule: legality, places and stages, and the walk through a stage's patterns. */
#include "models/training/schedule.h"

#include "models/training/schedule_custom.h"

#include <stdio.h>
#include <string.h>

enum kerf_status kerf_schedule_check(const struct kerf_schedule *schedule, uint32_t layers,
                                     struct kerf_error *error)
{
    const struct kerf_schedule_kind *kind = schedule->kind;
    KERF_CHECK(schedule->stages > 0 && schedule->micro_batches > 0 && schedule->chunks > 0, KERF_ERR_USAGE,
               "a pipeline has at least 1 stage, 1 micro-batch and 1 chunk per stage (got %u, %u and %u)",
               schedule->stages, schedule->micro_batches, schedule->chunks);
    KERF_CHECK(kind->chunks == 0 || kind->chunks == schedule->chunks, KERF_ERR_USAGE,
               "schedule %s has %u chunk%s per stage (got %u)", kind->name, kind->chunks,
               kind->chunks == 1 ? "" : "s", schedule->chunks);
    KERF_CHECK(
        kerf_schedule_length(schedule) <= layers, KERF_ERR_USAGE,
        "a pipeline deeper than its network: schedule %s with %u stages and %u chunks per stage cuts it "
        "into %u places, and it has %u layers",
        kind->name, schedule->stages, schedule->chunks, kerf_schedule_length(schedule), layers);
    KERF_CHECK((uint64_t)schedule->micro_batches * schedule->chunks * schedule->stages < UINT32_MAX / 4,
               KERF_ERR_USAGE, "a pipeline of %u stages, %u chunks and %u micro-batches is too large",
               schedule->stages, schedule->chunks, schedule->micro_batches);
    return kind->check ? kind->check(schedule, error) : KERF_OK;
}

uint32_t kerf_schedule_paths(const struct kerf_schedule *schedule)
{
    return schedule->kind->placement == KERF_PLACE_BOTH_WAYS ? 2 : 1;
}

uint32_t kerf_schedule_length(const struct kerf_schedule *schedule)
{
    return schedule->stages * schedule->chunks / kerf_schedule_paths(schedule);
}

/* Micro-batches of a path. */
static uint32_t share(const struct kerf_schedule *schedule)
{
    return schedule->micro_batches / kerf_schedule_paths(schedule);
}

uint32_t kerf_schedule_path_of(const struct kerf_schedule *schedule, uint32_t micro_batch)
{
    return micro_batch / share(schedule);
}

struct kerf_position kerf_schedule_position(const struct kerf_schedule *schedule, uint32_t stage,
                                            uint32_t chunk)
{
    uint32_t stages = schedule->stages;
    switch (schedule->kind->placement) {
    case KERF_PLACE_VEE:
        return (struct kerf_position){0, chunk == 0 ? stage : 2 * stages - 1 - stage};
    case KERF_PLACE_BOTH_WAYS:
        return (struct kerf_position){chunk, chunk == 0 ? stage : stages - 1 - stage};
    case KERF_PLACE_LOOP:
        break;
    }
    return (struct kerf_position){0, chunk * stages + stage};
}

struct kerf_host kerf_schedule_host(const struct kerf_schedule *schedule, struct kerf_position position)
{
    uint32_t stages = schedule->stages, place = position.place;
    switch (schedule->kind->placement) {
    case KERF_PLACE_VEE:
        return place < stages ? (struct kerf_host){place, 0} : (struct kerf_host){2 * stages - 1 - place, 1};
    case KERF_PLACE_BOTH_WAYS:
        return (struct kerf_host){position.path == 0 ? place : stages - 1 - place, position.path};
    case KERF_PLACE_LOOP:
        break;
    }
    return (struct kerf_host){place % stages, place / stages};
}

void kerf_stage_program_make(const struct kerf_schedule *schedule, uint32_t stage,
                             struct kerf_stage_program *program)
{
    *program = (struct kerf_stage_program){.schedule = schedule, .stage = stage};
    if (schedule->kind->phases)
        program->phases = schedule->kind->phases(schedule, stage, program->phase);
}

/* The token where the walk stands, or NULL at the end; the walk goes on behind it. */
static const char *step(const struct kerf_stage_program *program, struct kerf_schedule_walk *walk)
{
    while (walk->phase < program->phases) {
        const struct kerf_phase *phase = &program->phase[walk->phase];
        if (walk->repeat < phase->times) {
            const char *token = phase->pattern + walk->token;
            if (*token) {
                walk->token += 2;
                return token;
            }
            walk->repeat++;
        } else {
            walk->phase++;
            walk->repeat = 0;
        }
        walk->token = 0;
    }
    return NULL;
}

/* The chunk that a token names. What a pattern says of the stages before the middle holds with chunks
 * exchanged for those behind it. */
static uint32_t chunk_of(const struct kerf_stage_program *program, char digit)
{
    const struct kerf_schedule *schedule = program->schedule;
    bool mirrored =
        schedule->kind->placement == KERF_PLACE_BOTH_WAYS && program->stage >= schedule->stages / 2;
    return (uint32_t)(digit - '0') ^ (uint32_t)mirrored;
}

struct item {
    uint32_t chunk, micro_batch;
};

/* The number-th pass of a chunk, in one direction. With KERF_PLACE_LOOP passes are numbered over all chunks:
 * groups of `stages` micro-batches go through one chunk after the other, backwards from the last. False:
 * there are not so many. */
static bool item_of(const struct kerf_schedule *schedule, uint32_t chunk, uint32_t number, bool forward,
                    struct item *item)
{
    if (schedule->kind->placement != KERF_PLACE_LOOP) {
        *item = (struct item){chunk, number};
        if (schedule->kind->placement == KERF_PLACE_BOTH_WAYS)
            item->micro_batch += chunk * share(schedule);
        return number < share(schedule);
    }
    uint32_t round = schedule->stages * schedule->chunks, turn = number % round / schedule->stages;
    if (schedule->chunks == 1)
        *item = (struct item){0, number};
    else
        *item = (struct item){forward ? turn : schedule->chunks - 1 - turn,
                              number / round * schedule->stages + number % schedule->stages};
    return number < schedule->micro_batches * schedule->chunks;
}

static bool next_custom(const struct kerf_stage_program *program, struct kerf_schedule_cursor *cursor,
                        struct kerf_action *action)
{
    const struct kerf_custom_schedule *custom = program->schedule->custom;
    uint32_t place = custom->first[program->stage] + cursor->now.token;
    if (place >= custom->first[program->stage + 1])
        return false;
    *action = custom->action[place];
    cursor->now.token++;
    return true;
}

/* What a token means; false if there is no such micro-batch. */
static bool understand(const struct kerf_stage_program *program, const char *token,
                       struct kerf_schedule_cursor *cursor, struct kerf_action *action)
{
    const struct kerf_schedule *schedule = program->schedule;
    const char *weights = token;
    if (token[0] == 'W' && token[1] == '*')
        do
            weights = step(program, &cursor->weights);
        while (weights && weights[0] != 'I');
    if (!weights)
        return false;
    uint32_t chunk = chunk_of(program, weights[1]), back = token[0] == 'P' ? chunk ^ 1 : chunk;
    struct item item = {0, 0}, behind = {0, 0};
    bool real = true, goes_back = token[0] == 'P' || token[0] == 'B' || token[0] == 'I';
    if (token[0] == 'F' || token[0] == 'P')
        real = item_of(schedule, chunk, cursor->forward[chunk]++, true, &item);
    if (goes_back)
        real = item_of(schedule, back, cursor->backward[back]++, false, &behind) && real;
    if (token[0] == 'W')
        real = item_of(schedule, chunk, cursor->weight[chunk]++, false, &behind);
    if (token[0] == 'P' || token[0] == 'B')
        cursor->weight[back]++;
    if (token[0] != 'F' && token[0] != 'P')
        item = behind;
    if (token[0] == 'F')
        behind = item;
    *action = (struct kerf_action){token[0] == 'F'   ? KERF_FORWARD
                                   : token[0] == 'B' ? KERF_BACKWARD
                                   : token[0] == 'I' ? KERF_BACKWARD_INPUT
                                   : token[0] == 'W' ? KERF_BACKWARD_WEIGHT
                                                     : KERF_FORWARD_BACKWARD,
                                   item.chunk, item.micro_batch, behind.chunk, behind.micro_batch};
    return real;
}

bool kerf_schedule_next(const struct kerf_stage_program *program, struct kerf_schedule_cursor *cursor,
                        struct kerf_action *action)
{
    if (program->schedule->custom)
        return next_custom(program, cursor, action);
    for (const char *token; (token = step(program, &cursor->now));)
        if (understand(program, token, cursor, action))
            return true;
    return false;
}

const char *kerf_action_text(const struct kerf_schedule *schedule, const struct kerf_action *action,
                             char *text, size_t text_bytes)
{
    static const char *const words[] = {
        [KERF_FORWARD] = "forward",
        [KERF_BACKWARD] = "backward",
        [KERF_BACKWARD_INPUT] = "input gradient",
        [KERF_BACKWARD_WEIGHT] = "weight gradient",
        [KERF_FORWARD_BACKWARD] = "forward",
    };
    char chunk[32] = "", beside[80] = "";
    if (schedule->chunks > 1)
        snprintf(chunk, sizeof chunk, " in chunk %u", action->chunk);
    if (action->kind == KERF_FORWARD_BACKWARD)
        snprintf(beside, sizeof beside, " beside backward of micro-batch %u in chunk %u",
                 action->back_micro_batch, action->back_chunk);
    snprintf(text, text_bytes, "%s of micro-batch %u%s%s", words[action->kind], action->micro_batch, chunk,
             beside);
    return text;
}
