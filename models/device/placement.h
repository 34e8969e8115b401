/* Whole layers of a decoder on wafers, by capacity: which layers share a wafer and the rectangle each one
 * gets.
 *
 * The pipeline is the embedding, the dense layers, the layers of experts, and the head. Wafers hold
 * contiguous whole stages; on a wafer the PEs are shared in proportion to the bytes each stage holds, so that
 * capacity and area agree. The fullest wafer is as empty as possible, and among such placements the wafers
 * are as alike as possible. */
#ifndef KERF_DEVICE_PLACEMENT_H
#define KERF_DEVICE_PLACEMENT_H

#include "models/device/device.h"
#include "models/device/wafer.h"
#include "sim/base/error.h"

/* One stage of the pipeline: a layer, the embedding, or the head, on a rectangle of PEs of its own. */
enum kerf_stage_kind { KERF_STAGE_EMBEDDING, KERF_STAGE_DENSE_LAYER, KERF_STAGE_MOE_LAYER, KERF_STAGE_HEAD };

extern const char *const kerf_stage_kind_names[]; /* by enum kerf_stage_kind */

struct kerf_stage {
    enum kerf_stage_kind kind;
    int wafer;                                       /* 0 .. wafers-1, not decreasing along the pipeline */
    double pe_rows, pe_columns;                      /* whole PEs, near-square, inside the wafer */
    double weight_bytes, kv_bytes, activation_bytes; /* held in its SRAM */
};

struct kerf_wafer_placement {
    int wafers, stages;        /* wafers that were offered; those beyond the stages stay empty */
    struct kerf_stage *stage;  /* owned; in pipeline order */
    struct kerf_stage drafter; /* on the head's wafer, on a rectangle of its own; no bytes: there is none. Its
                                * kind is the head's, for it ends in one */
    int wafers_needed;         /* the fewest that hold it with whole layers; 0 when a stage fits no wafer */
    double usable_bytes_per_wafer;
    double largest_wafer_bytes; /* the fullest wafer */
    double largest_stage_bytes;
    double total_bytes;
    double kv_bytes_per_token_fullest; /* KV bytes that one cached token adds to the wafer that holds most
                                          layers */
};

/* Places `list` on `wafers` wafers with room for `kv_tokens` tokens of cache in `kv` format (layers with a
 * sliding window are given the whole of it) and, beside the head, for a drafter of `drafter_bytes` (0: none).
 * With too few wafers it fails with KERF_ERR_USAGE, a message that says how many are needed and have, and
 * sets placement->wafers_needed; the names of the wafer and the network are for the message. Free with
 * kerf_wafer_placement_free. */
enum kerf_status kerf_wafer_place(const struct kerf_wafer_params *wafer, const char *wafer_name,
                                  const struct kerf_decoder_list *list, const char *network_name, int wafers,
                                  double kv_tokens, enum kerf_format kv, double drafter_bytes,
                                  struct kerf_wafer_placement *placement, struct kerf_error *error);
void kerf_wafer_placement_free(struct kerf_wafer_placement *placement);

#endif
