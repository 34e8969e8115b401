/* FLOPs of a training step, counted as the field counts them: every score of the square is counted, masked or
 * not (arXiv 2104.04473, section 5.1), backward is twice forward, products only. */
#ifndef KERF_TRAINING_FLOPS_H
#define KERF_TRAINING_FLOPS_H

#include "models/training/job.h"

/* Forward FLOPs of one token of a sequence of `sequence` tokens: of all layers, and of the head. */
struct kerf_forward_flops {
    double layers, head;
};
struct kerf_forward_flops kerf_training_forward_flops(const struct kerf_network *network, double sequence);

/* The same of operators that are listed already (kerf_decoder_operators). */
struct kerf_decoder_list;
struct kerf_forward_flops kerf_training_list_flops(const struct kerf_decoder_list *list, double sequence);

/* FLOPs of a step without and with what is computed again; `list` of the job's network. */
void kerf_training_step_flops(const struct kerf_training_job *job, const struct kerf_decoder_list *list,
                              double *model_flops, double *hardware_flops);

/* Each of them by itself. */
double kerf_training_model_flops(const struct kerf_training_job *job);
double kerf_training_hardware_flops(const struct kerf_training_job *job);

#endif
