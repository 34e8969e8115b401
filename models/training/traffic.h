/* What the groups of a training job send, and how long that takes by itself. */
#ifndef KERF_TRAINING_TRAFFIC_H
#define KERF_TRAINING_TRAFFIC_H

#include "models/network/operator.h"
#include "models/training/job.h"
#include "models/training/params.h"

/* Seconds of a collective of `bytes` (see collective_library.h) in a group; 0 for a group of one. */
double kerf_training_collective_s(const struct kerf_training_machine *machine,
                                  const struct kerf_training_job *job, enum kerf_training_group group,
                                  enum kerf_collective_op op, double bytes);

/* Tensor parallelism: the collectives of one layer and one direction; two all-reduces of the activations, or
 * an all-gather and a reduce-scatter each (arXiv 1909.08053, 2205.05198). */
double kerf_training_tensor_s(const struct kerf_training_machine *machine,
                              const struct kerf_training_job *job);

/* Context parallelism: blocks of keys and values that pass round the ring in the forward pass of a layer. The
 * backward pass sends gradients along: twice the bytes. */
double kerf_training_ring_s(const struct kerf_training_machine *machine, const struct kerf_training_job *job,
                            const struct kerf_operator_list *layer);

/* Expert parallelism: dispatch and combine of one layer and one direction. A token goes once to each remote
 * rank that holds one of its experts (arXiv 2412.19437, section 3.2.2). */
double kerf_training_exchange_s(const struct kerf_training_machine *machine,
                                const struct kerf_training_job *job);

/* Activations of a micro-batch to the next stage. */
double kerf_training_handover_s(const struct kerf_training_machine *machine,
                                const struct kerf_training_job *job);

#endif
