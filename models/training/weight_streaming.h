/* Training on wafers by weight streaming: one layer at a time comes from a parameter store (MemoryX) over a
 * broadcast-reduce tree (SwarmX) to every system, activations stay on the wafers, gradients go back through
 * the tree and the store updates the weights. Systems are purely data parallel.
 *
 * On a wafer the features of a token lie over the columns of PEs and the tokens of a micro-batch over the
 * rows (Lie, Hot Chips 34, IEEE Micro 43(3)); a weight that arrives starts one vector instruction over a PE's
 * tokens, and partial sums of every output travel along the row. Sources of the streaming itself: Cerebras
 * white papers on weight streaming; the forms here are derived. Knows no events: one step is worked out as a
 * recursion over layers. */
#ifndef KERF_TRAINING_WEIGHT_STREAMING_H
#define KERF_TRAINING_WEIGHT_STREAMING_H

#include "models/device/wafer.h"
#include "models/network/operator.h"
#include "sim/base/error.h"

/* What stands around the wafers, and how its software runs a layer. One catalog file of kind
 * weight_streaming. */
struct kerf_streaming_params {
    double memoryx_bytes;  /* parameters, gradients being summed and optimiser states */
    double memoryx_Bps;    /* to the tree, and back, per direction */
    double optimizer_Bps;  /* bytes of states that the store reads and writes in an update */
    double checkpoint_Bps; /* to disk */
    double swarmx_fanout;  /* systems or nodes below a node */
    double swarmx_level_s; /* latency of a level of the tree */
    double systems_most;   /* that a tree serves */
    double sum_cycles;     /* a partial sum passes through a PE: receive, add, send */
    double mac_per_cycle;  /* of a PE in products over many tokens */
    double activation_bytes_per_element;
    double gradient_bytes_per_param; /* on the way back */
    double weight_bytes_per_param;   /* on the way in */
    double state_bytes_per_param;    /* in the store: master weight and optimiser */
    double release;                  /* speed of this release of the software over the one that was fitted */
    double peak_16bit_flops;         /* of a wafer's data sheet, dense: what MFU is a share of */
    double mtbf_s;                   /* of one wafer between interruptions of its job, of any cause */
    double hosts_W;                  /* store, tree and input workers, one wafer's share */
};

extern const struct kerf_leaf_table kerf_streaming_leaves;

struct kerf_streaming_job {
    const struct kerf_decoder_list *list;
    const char *network_name, *wafer_name; /* for messages */
    double d_model;
    double sequence;     /* tokens of a sample */
    double global_batch; /* samples of a step, over all systems */
    int systems;
    double logit_share;         /* tokens that need logits: 1, less where only masked ones are predicted */
    bool frozen;                /* the weights are not trained: no gradients of them, no update */
    double input_samples_per_s; /* that one system's workers prepare; 0: they are no limit */
};

enum kerf_streaming_bound { KERF_STREAMING_COMPUTE, KERF_STREAMING_STREAM, KERF_STREAMING_INPUT };
extern const char *const kerf_streaming_bound_names[];

struct kerf_streaming_step {
    double step_s, samples_per_s, tokens_per_s; /* of all systems */
    double micro_batch;                         /* samples of one system */
    int micro_batches;
    bool recompute;              /* layers are computed again in the backward pass */
    int group;                   /* layers that are computed again at a time; 0: all are kept */
    double compute_s;            /* of a step, were the streams instant; of it */
    double attention_s, again_s; /* scores and values; what is computed again */
    double wait_s;               /* the wafer waits for weights or to be rid of gradients */
    double tree_s;               /* of that, the latency of I/O and tree */
    double store_s;              /* after the last product: the last gradients leave, the store updates */
    double stream_s;             /* of a step, were the wafers instant: the longer direction of every pass */
    double input_s;              /* of a step, to prepare the samples */
    double activation_bytes;     /* of a micro-batch, on one wafer, of */
    double room_bytes;           /* what the buffers of weights leave */
    double store_bytes;          /* in MemoryX */
    double tokens_to_hide;       /* of a system's micro-batch, so that the stream is no longer than compute */
    enum kerf_streaming_bound bound;
};

/* One step. Of all micro-batches that fit the wafer, with all activations kept or layers computed again, one
 * or several at a time, the fastest is taken: with groups of g layers only what goes into every g-th layer is
 * kept (Chen et al., arXiv 1604.06174), and where g > 1 the weights come in once more. KERF_ERR_USAGE, with
 * the numbers that clash: no sample fits a wafer, the store is too small, more systems than the tree or the
 * batch has. Pure. */
enum kerf_status kerf_streaming_step(const struct kerf_wafer_params *wafer,
                                     const struct kerf_streaming_params *streaming,
                                     const struct kerf_streaming_job *job, struct kerf_streaming_step *step,
                                     struct kerf_error *error);

/* Seconds that a checkpoint of weights and optimiser takes. */
double kerf_streaming_checkpoint_s(const struct kerf_streaming_params *streaming,
                                   const struct kerf_decoder_list *list);

/* Levels of the tree above `systems` systems. */
double kerf_streaming_levels(const struct kerf_streaming_params *streaming, int systems);

#endif
