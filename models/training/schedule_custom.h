/* A schedule that the user writes out, action by action. */
#ifndef KERF_TRAINING_SCHEDULE_CUSTOM_H
#define KERF_TRAINING_SCHEDULE_CUSTOM_H

#include "models/training/schedule.h"

struct kerf_custom_schedule {
    struct kerf_action *action; /* owned: of all stages, one after the other */
    uint32_t *first;            /* owned: by stage, where its actions begin; one more for the end */
};

/* The kind "custom": chunks go round (KERF_PLACE_LOOP). */
extern const struct kerf_schedule_kind kerf_schedule_custom;

/* Reads one line per stage: words such as F0 B0 I1 W1, the letter as in kerf_phase and the micro-batch, for
 * the second and later chunks followed by a dot and the chunk (F0.1). Every stage must do each micro-batch
 * forward and backward once per chunk. KERF_ERR_USAGE otherwise: the message names stage and word. Fills
 * *custom, which belongs to the caller; free with kerf_custom_schedule_free, also after a failure. */
enum kerf_status kerf_custom_schedule_read(const struct kerf_schedule *schedule, const char *const *line,
                                           struct kerf_custom_schedule *custom, struct kerf_error *error);

void kerf_custom_schedule_free(struct kerf_custom_schedule *custom);

#endif
