/* A diffusion language model writes answers: steps that each run the whole window of prompt and answer, with
 * attention both ways and no cache (LLaDA, arXiv 2502.09992, section 2.4). Closed form. */
#ifndef KERF_STUDY_DENOISING_H
#define KERF_STUDY_DENOISING_H

#include "models/device/image_pass.h"
#include "models/network/network.h"
#include "sim/io/catalog.h"

struct kerf_denoising_job {
    const struct kerf_network *network;
    const struct kerf_leaf_set *hardware;
    const struct kerf_leaf_set *collectives; /* of the GPUs; no matter on wafers */
    bool on_wafers;
    int count;                       /* GPUs that share every matrix, or wafers in a pipeline */
    enum kerf_image_mapping mapping; /* wafers */
    double answers;                  /* that go together */
    double steps, window_tokens;
};

struct kerf_denoising_result {
    double batch_s;   /* of all answers */
    double between_s; /* between batches while others are under way: they overlap on wafers in a row, and in
                         layers in a row */
    double flops;     /* of a batch */
    double used_bytes, capacity_bytes; /* of one accelerator */
};

enum kerf_status kerf_denoise(const struct kerf_denoising_job *job, enum kerf_column column,
                              struct kerf_denoising_result *result, struct kerf_error *error);

#endif
