/* A step of weight streaming, told as any other training step: the same parts, FLOPs and memory, so that
 * wafers and GPUs stand in one table. */
#ifndef KERF_TRAINING_STREAMED_STEP_H
#define KERF_TRAINING_STREAMED_STEP_H

#include "models/training/step.h"
#include "models/training/weight_streaming.h"

/* What a wafer takes of a training job; its layout but for the batch, its stack, precision and recompute have
 * no meaning there. */
struct kerf_streamed_question {
    const struct kerf_training_job *job;
    const char *wafer_name; /* for messages */
    int systems;
    double input_samples_per_s; /* that one system's workers prepare; 0: they are no limit */
};

/* Costs the step. *streamed is what weight_streaming.h says; *step its parts: matrices, attention, recompute,
 * weights (waiting for the stream), optimizer (after the last product), input. tokens_per_s_gpu and the like
 * are of a wafer, memory of its SRAM, mfu of peak_16bit_flops. KERF_ERR_USAGE as kerf_streaming_step, and for
 * optimisers that do not work element by element. Pure. */
enum kerf_status kerf_streamed_step(const struct kerf_wafer_params *wafer,
                                    const struct kerf_streaming_params *streaming,
                                    const struct kerf_streamed_question *question,
                                    struct kerf_training_step *step, struct kerf_streaming_step *streamed,
                                    struct kerf_error *error);

/* Bytes of weights that come in over bytes that a token uses: 1 of a dense network, more of a mixture, all of
 * whose experts are streamed. */
double kerf_streamed_over_used(const struct kerf_network *network);

#endif
