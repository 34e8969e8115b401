/* How long the pipeline of a training step takes: stages that are nearly alike, by the exact span of a
 * schedule or in closed form. */
#ifndef KERF_TRAINING_SPAN_H
#define KERF_TRAINING_SPAN_H

#include "models/training/job.h"
#include "models/training/pipeline.h"

/* A pass of one micro-batch through one thing, in s; `weight_s` is the part of `backward_s` that no other
 * stage waits for. */
struct kerf_pass_time {
    double forward_s, backward_s, weight_s;
};

/* What the places of the network are made of: layers (alike), an embedding on the first, a head on the last.
 */
struct kerf_stage_parts {
    struct kerf_pass_time layer, embedding, head;
    double handover_s; /* of activations or gradients to the next place */
    bool waits;        /* for the handover; else the stage computes meanwhile */
};

/* Layers of place `place` of `places`. Where layers do not divide but with the two ends they do, the ends
 * count as a layer each; else the first places but one have a layer more. */
int kerf_training_place_layers(int layers, int places, int place);

struct kerf_training_span {
    double span_s;
    double busy_s, sending_s; /* of the busiest stage, all micro-batches */
    double layers;            /* of that stage */
    bool embeds, has_head;    /* whether that stage has them */
    double in_flight; /* micro-batches, of a stage's whole depth, that the fullest stage holds at once */
};

/* The schedule of the job: the one that it names, or 1F1B, interleaved where stages are virtual. */
const char *kerf_training_schedule_name(const struct kerf_training_job *job);

/* Exact with job->exact, else the busiest stage's work and one micro-batch through the others, cut by the
 * virtual stages: (p - 1) / (m v) of the ideal time for stages that are alike (arXiv 2104.04473,
 * section 2.2). KERF_ERR_USAGE: the schedule refuses the numbers, or waits for itself. */
enum kerf_status kerf_training_span(const struct kerf_training_job *job, int layers,
                                    const struct kerf_stage_parts *parts, struct kerf_training_span *span,
                                    struct kerf_error *error);

/* The pipeline of a job, as its exact span and its simulation want it. */
struct kerf_training_pipeline {
    struct kerf_schedule schedule;
    struct kerf_pipeline pipeline;  /* points into the rest: do not copy */
    struct kerf_chunk_times *chunk; /* owned */
    kerf_time *hop;                 /* owned */
};

/* KERF_ERR_USAGE: the schedule refuses the numbers. Free with kerf_training_pipeline_free, also after a
 * failure. */
enum kerf_status kerf_training_pipeline_make(const struct kerf_training_job *job, int layers,
                                             const struct kerf_stage_parts *parts,
                                             struct kerf_training_pipeline *made, struct kerf_error *error);
void kerf_training_pipeline_free(struct kerf_training_pipeline *made);

#endif
