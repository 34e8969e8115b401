/* The workload room: cache that goes to another replica or comes from one. Knows offers and landings; not the
 * links between. */
#include "models/workload/kv_transfer.h"
#include "models/workload/scheduler_state.h"

#include <string.h>

static enum kerf_status tell_transfer(struct kerf_lp *lp, const struct kerf_scheduler *s, uint32_t type,
                                      const struct kerf_kv_message *message, struct kerf_error *error)
{
    return kerf_lp_send(lp, s->setup->transfer, s->setup->transfer_hop, type, message, sizeof *message,
                        error);
}

static struct kerf_kv_message message_of(const struct kerf_scheduler *s, int slot)
{
    const struct kerf_sequence *sequence = &s->sequence[slot];
    return (struct kerf_kv_message){.request = sequence->request,
                                    .prefill_replica = s->setup->replica,
                                    .prefill_slot = (uint32_t)slot,
                                    .prompt_tokens = sequence->prompt,
                                    .output_tokens = sequence->output,
                                    .begun = sequence->first_issue};
}

enum kerf_status kerf_handover_begun(struct kerf_lp *lp, struct kerf_scheduler *s,
                                     const struct kerf_batch *batch, struct kerf_error *error)
{
    if (s->setup->role != KERF_POOL_PREFILL || !s->setup->offers_early)
        return KERF_OK;
    for (int i = 0; i < batch->members; i++) {
        const struct kerf_member *member = &batch->member[i];
        const struct kerf_sequence *sequence = &s->sequence[member->sequence];
        if (sequence->prefill_issued - sequence->cached != member->tokens || sequence->output == 1)
            continue; /* a later chunk; or nothing is to be decoded */
        struct kerf_kv_message message = message_of(s, member->sequence);
        KERF_TRY(tell_transfer(lp, s, KERF_EVENT_KV_OFFER, &message, error));
    }
    return KERF_OK;
}

enum kerf_status kerf_handover_ready(struct kerf_lp *lp, struct kerf_scheduler *s, int slot,
                                     struct kerf_error *error)
{
    struct kerf_kv_message message = message_of(s, slot);
    message.first_token = kerf_lp_now(lp);
    s->sequence[slot].hands_over = true;
    return tell_transfer(lp, s, s->setup->offers_early ? KERF_EVENT_KV_READY : KERF_EVENT_KV_OFFER, &message,
                         error);
}

/* Decode: a prompt is offered; it waits for room in its turn. */
static enum kerf_status take_offer(struct kerf_lp *lp, struct kerf_scheduler *s,
                                   const struct kerf_kv_message *message, struct kerf_error *error)
{
    const struct kerf_request_message request = {.request = message->request,
                                                 .prompt_tokens = message->prompt_tokens,
                                                 .output_tokens = message->output_tokens};
    int slot;
    KERF_TRY(kerf_scheduler_enqueue(s, &request, kerf_lp_now(lp), &slot, error));
    struct kerf_sequence *sequence = &s->sequence[slot];
    sequence->awaits_cache = sequence->begun = true;
    sequence->prefill_issued = sequence->prefilled = sequence->prompt;
    sequence->ticket = message->ticket;
    sequence->prefill_replica = message->prefill_replica;
    return KERF_OK;
}

/* Decode: the cache is here. Where answers advance together nobody joins in the middle of a step. */
static int land(struct kerf_scheduler *s, const struct kerf_kv_message *message)
{
    int slot = (int)message->decode_slot;
    struct kerf_sequence *sequence = &s->sequence[slot];
    sequence->first_token = message->first_token;
    sequence->transfer_s = message->transfer_s;
    if (!s->lockstep || s->passes_out == 0)
        return slot;
    kerf_number_set_add(&s->landed, sequence->place);
    return -1;
}

int kerf_handover_next_landed(struct kerf_scheduler *s)
{
    int place = s->setup->role == KERF_POOL_DECODE ? kerf_number_set_next(&s->landed, 0) : -1;
    if (place < 0)
        return -1;
    kerf_number_set_remove(&s->landed, place);
    return s->order[place];
}

enum kerf_status kerf_handover_handle(struct kerf_lp *lp, struct kerf_scheduler *s,
                                      const struct kerf_event *event, int *landed, struct kerf_error *error)
{
    struct kerf_kv_message message;
    *landed = -1;
    KERF_CHECK(event->type == KERF_EVENT_KV_OFFER || event->type == KERF_EVENT_KV_GONE ||
                   event->type == KERF_EVENT_KV_LANDED,
               KERF_ERR_FAILURE, "internal: a scheduler got an event of type %u", event->type);
    memcpy(&message, event->payload, sizeof message);
    if (event->type == KERF_EVENT_KV_OFFER)
        return take_offer(lp, s, &message, error);
    if (event->type == KERF_EVENT_KV_GONE)
        kerf_scheduler_leave(s, (int)message.prefill_slot);
    else
        *landed = land(s, &message);
    return KERF_OK;
}

enum kerf_status kerf_handover_admit(struct kerf_lp *lp, struct kerf_scheduler *s, struct kerf_error *error)
{
    int slot;
    while ((slot = kerf_scheduler_next(s)) >= 0 && s->sequence[slot].awaits_cache &&
           kerf_scheduler_may_enter(s, slot, s->sequence[slot].prompt)) {
        struct kerf_sequence *sequence = &s->sequence[slot];
        struct kerf_kv_message message = message_of(s, slot);
        kerf_scheduler_enter(s, slot, sequence->prompt);
        kerf_number_set_remove(&s->prefill, sequence->place); /* there is nothing to compute */
        sequence->pool_queue_s = kerf_time_to_s(kerf_lp_now(lp) - sequence->received);
        message.ticket = sequence->ticket;
        message.decode_slot = (uint32_t)slot;
        KERF_TRY(tell_transfer(lp, s, KERF_EVENT_KV_ACCEPT, &message, error));
    }
    return KERF_OK;
}

enum kerf_status kerf_handover_done(struct kerf_lp *lp, const struct kerf_scheduler *s,
                                    const struct kerf_sequence *sequence, struct kerf_error *error)
{
    const struct kerf_kv_message message = {.request = sequence->request,
                                            .decode_replica = s->setup->replica};
    return tell_transfer(lp, s, KERF_EVENT_KV_DONE, &message, error);
}
