/* What the operators of a layer take on one GPU in training, for one micro-batch: forward, and backward
 * towards inputs and towards weights. No communication and no schedule. */
#ifndef KERF_TRAINING_WORK_TIME_H
#define KERF_TRAINING_WORK_TIME_H

#include "models/network/operator.h"
#include "models/training/layout.h"
#include "models/training/params.h"
#include "models/training/recipe.h"
#include "models/training/stack.h"

enum kerf_training_kernel {
    KERF_TRAIN_MATRIX,
    KERF_TRAIN_ATTENTION,
    KERF_TRAIN_ELEMENTWISE,
    KERF_TRAIN_KERNELS
};

struct kerf_work_time {
    double forward_s[KERF_TRAIN_KERNELS];
    double input_s[KERF_TRAIN_KERNELS];  /* backward, towards the inputs */
    double weight_s[KERF_TRAIN_KERNELS]; /* backward, towards the weights */
    double forward_kernels, backward_kernels;
};

/* Loads of busiest ranks that were worked out before: a search asks for the same few hundred over and over.
 * All zero at first. */
enum { KERF_LOADS_KEPT = 4096 };
struct kerf_load_memo {
    struct {
        double tokens, ranks, rows; /* rows 0: none is kept here */
    } load[KERF_LOADS_KEPT];
};

/* What one rank computes for one micro-batch. */
struct kerf_training_pass {
    const struct kerf_gpu_params *gpu; /* with the rates that it sustains */
    const struct kerf_training_params *params;
    const struct kerf_training_stack *stack;
    const struct kerf_training_layout *layout;
    const struct kerf_precision *precision;
    bool sinks;                   /* attention has learned sinks */
    bool causal;                  /* half of the scores are masked and not computed */
    double sequence, sequences;   /* tokens of a sequence; sequences of the micro-batch */
    bool balanced;                /* experts: routing is forced to be even */
    double skew;                  /* experts: rows of the busiest rank over the mean, at least; below 1: 1 */
    struct kerf_load_memo *loads; /* of one network; NULL: none are kept */
    bool frozen;                  /* low-rank adapters train, these weights do not */
};

/* Sum over the operators of a list; each weight's matrix as the recipe has it, where `in_layer`. */
struct kerf_work_time kerf_training_list_time(const struct kerf_training_pass *pass,
                                              const struct kerf_operator_list *list, bool in_layer);

double kerf_work_forward_s(const struct kerf_work_time *time);
double kerf_work_backward_s(const struct kerf_work_time *time);
double kerf_work_weight_s(const struct kerf_work_time *time); /* of the backward pass */
void kerf_work_add(struct kerf_work_time *sum, const struct kerf_work_time *more, double times);

#endif
