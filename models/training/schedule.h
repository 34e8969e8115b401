/* Pipeline schedules: which forward and backward pass a stage does in which order.
 *
 * A schedule is a row of `kerf_schedules`: it says which stage holds which part of the network and lists the
 * actions of a stage as a few repeated patterns, so that a stage's next action is made on the fly and a
 * schedule of any length takes no memory. What an action takes, and when it may begin, is pipeline.h's
 * business; here is only the order.
 *
 * Words: the network is cut into `length` consecutive places, and a stage holds `chunks` of them. A
 * micro-batch goes forward through all places of its path and back again. */
#ifndef KERF_TRAINING_SCHEDULE_H
#define KERF_TRAINING_SCHEDULE_H

#include "sim/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kerf_action_kind {
    KERF_FORWARD,
    KERF_BACKWARD,         /* gradients of inputs and of weights */
    KERF_BACKWARD_INPUT,   /* gradients of inputs only; those of the weights follow */
    KERF_BACKWARD_WEIGHT,  /* the gradients of the weights that were left */
    KERF_FORWARD_BACKWARD, /* a forward and a backward of another chunk side by side (DualPipe) */
};

struct kerf_action {
    enum kerf_action_kind kind;
    uint32_t chunk, micro_batch;           /* of the forward of a pair */
    uint32_t back_chunk, back_micro_batch; /* of the backward of a pair; like the above for all others */
};

/* How the places of the network lie on the stages. */
enum kerf_placement {
    KERF_PLACE_LOOP,      /* place i on stage i mod stages: chunks go round and round */
    KERF_PLACE_VEE,       /* two chunks: down the stages and up again, first and last place on stage 0 */
    KERF_PLACE_BOTH_WAYS, /* two copies of the network, one in each direction; half of the micro-batches each
                           */
};

struct kerf_schedule;

enum { KERF_PHASES_MOST = 14 };

/* A phase of a stage: a pattern that is repeated. A pattern is a row of tokens of two characters: F, B, I, W
 * as in enum kerf_action_kind, or P for a forward beside a backward of the other chunk; then the chunk, "*"
 * after W for the oldest weight gradient that is left. The micro-batch is the next one of that chunk. */
struct kerf_phase {
    const char *pattern;
    uint32_t times;
};

/* A kind of schedule. */
struct kerf_schedule_kind {
    const char *name;
    const char *what; /* in a few words, for lists */
    enum kerf_placement placement;
    uint32_t chunks;            /* of every stage; 0: as many as the user says */
    bool splits;                /* backward passes come in two halves */
    bool pairs;                 /* has KERF_FORWARD_BACKWARD */
    uint32_t copies_of_weights; /* that a stage holds, in units of 1 / stages of the network */
    /* What this kind asks of stages, chunks and micro-batches besides the common rules. NULL: nothing. */
    enum kerf_status (*check)(const struct kerf_schedule *schedule, struct kerf_error *error);
    /* How much longer a step takes than its work, m (F + B), with p stages that are all alike, messages that
     * take no time and pairs that win none; F, B and W (the weights' part of B) are of all chunks of a stage
     * together. Any unit. NULL: no such form. */
    double (*bubble)(const struct kerf_schedule *schedule, double forward, double backward, double weight);
    /* Fills `phase` for a stage and returns how many. NULL: the actions are listed (schedule_custom.h). */
    uint32_t (*phases)(const struct kerf_schedule *schedule, uint32_t stage, struct kerf_phase *phase);
};

extern const struct kerf_schedule_kind *const kerf_schedules[];
extern const size_t kerf_schedule_count;

/* The kind of that name, or NULL. */
const struct kerf_schedule_kind *kerf_schedule_find(const char *name);

struct kerf_schedule {
    const struct kerf_schedule_kind *kind;
    uint32_t stages, micro_batches;            /* micro-batches per step and replica */
    uint32_t chunks;                           /* per stage */
    const struct kerf_custom_schedule *custom; /* with kerf_schedule_custom only */
};

/* Fails with KERF_ERR_USAGE, and the reason, where the schedule is not one of `layers` layers: a pipeline
 * deeper than its layers, micro-batches that do not divide, chunks that the kind does not know. Everything
 * below asks for a schedule that passed. */
enum kerf_status kerf_schedule_check(const struct kerf_schedule *schedule, uint32_t layers,
                                     struct kerf_error *error);

/* Paths through the network (2 with KERF_PLACE_BOTH_WAYS, otherwise 1) and the places of each. */
uint32_t kerf_schedule_paths(const struct kerf_schedule *schedule);
uint32_t kerf_schedule_length(const struct kerf_schedule *schedule);

/* The path that a micro-batch takes. */
uint32_t kerf_schedule_path_of(const struct kerf_schedule *schedule, uint32_t micro_batch);

/* Where a chunk of a stage stands in the network, and back: path of a chunk, its place, and who holds a
 * place. */
struct kerf_position {
    uint32_t path, place;
};
struct kerf_host {
    uint32_t stage, chunk;
};
struct kerf_position kerf_schedule_position(const struct kerf_schedule *schedule, uint32_t stage,
                                            uint32_t chunk);
struct kerf_host kerf_schedule_host(const struct kerf_schedule *schedule, struct kerf_position position);

/* The actions of one stage: shared by all replicas of the stage. */
struct kerf_stage_program {
    const struct kerf_schedule *schedule;
    uint32_t stage, phases;
    struct kerf_phase phase[KERF_PHASES_MOST];
};

void kerf_stage_program_make(const struct kerf_schedule *schedule, uint32_t stage,
                             struct kerf_stage_program *program);

/* How far a stage is. All zero is the beginning. */
struct kerf_schedule_walk {
    uint32_t phase, repeat, token;
};
struct kerf_schedule_cursor {
    struct kerf_schedule_walk now, weights; /* weights: the backward-input whose weights are next */
    uint32_t forward[2], backward[2],
        weight[2]; /* done; by chunk, but over all chunks with KERF_PLACE_LOOP */
};

/* The next action, or false after the last. */
bool kerf_schedule_next(const struct kerf_stage_program *program, struct kerf_schedule_cursor *cursor,
                        struct kerf_action *action);

/* An action in words: "forward of micro-batch 3", with the chunk where there are several. Returns `text`. */
const char *kerf_action_text(const struct kerf_schedule *schedule, const struct kerf_action *action,
                             char *text, size_t text_bytes);

#endif
