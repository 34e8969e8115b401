/* The workload room: KV cache on its way between two pools. Knows links and tickets; not what computes or
 * reads the cache. */
#include "models/workload/kv_transfer.h"

#include "models/fabric/fluid.h"
#include "models/workload/tournament.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_START = 80, EVENT_FLOWS_END };
enum { NO_TICKET = UINT32_MAX };

/* One prompt between its offer and its landing. */
struct ticket {
    struct kerf_kv_message message;
    kerf_time asked; /* the decode replica asked for it, in its own time */
    bool in_use, accepted, ready;
    uint32_t next; /* unused: of the unused ones; not ready: of those of its prefill replica */
};

struct transfer {
    const struct kerf_kv_transfer_setup *setup;
    struct ticket *ticket; /* owned */
    uint32_t capacity, first_free;
    uint32_t *computing; /* owned: per prefill replica, the newest ticket whose prompt is not ready */
    struct kerf_tournament unfinished; /* per decode replica */
    kerf_time *link_free;              /* owned; in turn: when a link's last transfer has left it */
    struct kerf_fluid *fluid;          /* owned; fair */
    uint32_t *ticket_of_flow;          /* owned; as many as there are tickets */
    struct kerf_timer wake;
    bool is_awake;
    struct kerf_kv_transfer_record record;
};

kerf_time kerf_kv_transfer_hop(const struct kerf_kv_transfer_setup *setup)
{
    kerf_time half = kerf_time_from_s(setup->latency_s) / 2;
    return half > 0 ? half : 1;
}

/* Links by number: ports of prefill replicas, ports of decode replicas, what is shared. */
static int link_count(const struct kerf_kv_transfer_setup *setup)
{
    return setup->prefill_replicas + setup->decode_replicas + (setup->shared_Bps > 0.0);
}

static uint32_t path_of(const struct kerf_kv_transfer_setup *setup, const struct kerf_kv_message *message,
                        uint32_t path[3])
{
    path[0] = message->prefill_replica;
    path[1] = (uint32_t)setup->prefill_replicas + message->decode_replica;
    path[2] = (uint32_t)(setup->prefill_replicas + setup->decode_replicas);
    return setup->shared_Bps > 0.0 ? 3 : 2;
}

static enum kerf_status make_fluid(struct transfer *t, struct kerf_error *error)
{
    const struct kerf_kv_transfer_setup *setup = t->setup;
    int links = link_count(setup);
    double *capacity_Bps = calloc((size_t)links, sizeof *capacity_Bps);
    KERF_CHECK(capacity_Bps, KERF_ERR_FAILURE, "out of memory for %d links of KV cache", links);
    for (int i = 0; i < links; i++)
        capacity_Bps[i] = i < setup->prefill_replicas ? setup->prefill_Bps : setup->decode_Bps;
    if (setup->shared_Bps > 0.0)
        capacity_Bps[links - 1] = setup->shared_Bps;
    enum kerf_status status = kerf_fluid_create(capacity_Bps, (uint32_t)links, 3, &t->fluid, error);
    free(capacity_Bps);
    return status;
}

static enum kerf_status transfer_init(struct kerf_lp *lp, const void *setup, void *state,
                                      struct kerf_error *error)
{
    (void)lp;
    struct transfer *t = state;
    t->setup = setup;
    t->first_free = NO_TICKET;
    t->link_free = calloc((size_t)link_count(t->setup), sizeof *t->link_free);
    t->computing = calloc((size_t)t->setup->prefill_replicas, sizeof *t->computing);
    KERF_CHECK(t->link_free && t->computing, KERF_ERR_FAILURE, "out of memory for links of KV cache");
    for (int i = 0; i < t->setup->prefill_replicas; i++)
        t->computing[i] = NO_TICKET;
    KERF_TRY(kerf_tournament_make(&t->unfinished, t->setup->decode_replicas, error));
    return t->setup->fair ? make_fluid(t, error) : KERF_OK;
}

static void transfer_free(void *state)
{
    struct transfer *t = state;
    free(t->ticket);
    free(t->ticket_of_flow);
    free(t->link_free);
    free(t->computing);
    kerf_tournament_free(&t->unfinished);
    kerf_fluid_free(t->fluid);
}

static bool resize(struct transfer *t, uint32_t capacity)
{
    struct ticket *ticket = realloc(t->ticket, capacity * sizeof *ticket);
    t->ticket = ticket ? ticket : t->ticket;
    uint32_t *flow = realloc(t->ticket_of_flow, capacity * sizeof *flow);
    t->ticket_of_flow = flow ? flow : t->ticket_of_flow;
    return ticket && flow;
}

static enum kerf_status take_ticket(struct transfer *t, uint32_t *number, struct kerf_error *error)
{
    if (t->first_free == NO_TICKET) {
        uint32_t more = t->capacity ? 2 * t->capacity : 16;
        KERF_CHECK(resize(t, more), KERF_ERR_FAILURE, "out of memory for %u transfers of KV cache", more);
        for (uint32_t i = more; i-- > t->capacity;) {
            t->ticket[i] = (struct ticket){.next = t->first_free};
            t->ticket_of_flow[i] = NO_TICKET;
            t->first_free = i;
        }
        t->capacity = more;
    }
    *number = t->first_free;
    t->first_free = t->ticket[*number].next;
    t->ticket[*number] = (struct ticket){.in_use = true};
    t->record.under_way++;
    return KERF_OK;
}

static enum kerf_status tell(struct kerf_lp *lp, uint32_t whom, kerf_time delay, uint32_t type,
                             const struct kerf_kv_message *message, struct kerf_error *error)
{
    return kerf_lp_send(lp, whom, delay, type, message, sizeof *message, error);
}

/* A prompt wants room, or will when it is computed: the replica with the fewest unfinished answers is asked.
 */
static enum kerf_status offer(struct kerf_lp *lp, struct transfer *t, struct kerf_kv_message *message,
                              struct kerf_error *error)
{
    uint32_t number = 0, *newest = &t->computing[message->prefill_replica];
    KERF_TRY(take_ticket(t, &number, error));
    message->ticket = number;
    message->decode_replica = (uint32_t)kerf_tournament_least(&t->unfinished);
    kerf_tournament_add(&t->unfinished, (int)message->decode_replica, 1);
    struct ticket *ticket = &t->ticket[number];
    ticket->message = *message;
    ticket->ready = message->first_token > 0;
    if (!ticket->ready) {
        ticket->next = *newest;
        *newest = number;
    }
    return tell(lp, t->setup->decode[message->decode_replica], kerf_kv_transfer_hop(t->setup),
                KERF_EVENT_KV_OFFER, message, error);
}

/* The prompt that a prefill replica has in this slot is computed. */
static uint32_t computed(struct transfer *t, const struct kerf_kv_message *message)
{
    uint32_t *link = &t->computing[message->prefill_replica];
    while (t->ticket[*link].message.prefill_slot != message->prefill_slot)
        link = &t->ticket[*link].next;
    uint32_t number = *link;
    *link = t->ticket[number].next;
    t->ticket[number].message.begun = message->begun;
    t->ticket[number].message.first_token = message->first_token;
    t->ticket[number].ready = true;
    return number;
}

/* The last byte leaves the prefill replica at `end`, which is not before now minus a hop. */
static enum kerf_status land(struct kerf_lp *lp, struct transfer *t, uint32_t number, kerf_time end,
                             struct kerf_error *error)
{
    struct ticket *ticket = &t->ticket[number];
    struct kerf_kv_message *message = &ticket->message;
    kerf_time now = kerf_lp_now(lp), hop = kerf_kv_transfer_hop(t->setup);
    kerf_time from = ticket->asked > message->first_token ? ticket->asked : message->first_token;
    message->transfer_s = kerf_time_to_s(end + 2 * hop - from);
    t->record.transfers++;
    t->record.tokens += message->prompt_tokens;
    t->record.transfer_s += message->transfer_s;
    t->record.under_way--;
    KERF_TRY(tell(lp, t->setup->decode[message->decode_replica], end + 2 * hop - now, KERF_EVENT_KV_LANDED,
                  message, error));
    KERF_TRY(tell(lp, t->setup->prefill[message->prefill_replica], end > now + hop ? end - now : hop,
                  KERF_EVENT_KV_GONE, message, error));
    ticket->in_use = false;
    ticket->next = t->first_free;
    t->first_free = number;
    return KERF_OK;
}

static double bytes_of(const struct transfer *t, const struct kerf_kv_message *message)
{
    return message->prompt_tokens * t->setup->bytes_per_token;
}

/* In turn: a transfer holds all its links until its last byte has left. One that follows layer by layer holds
 * them from the first layer on if they were free then, and ends a layer's time after the prompt at least. */
static enum kerf_status carry(struct kerf_lp *lp, struct transfer *t, uint32_t number, kerf_time start,
                              struct kerf_error *error)
{
    const struct kerf_kv_transfer_setup *setup = t->setup;
    const struct kerf_kv_message *message = &t->ticket[number].message;
    double Bps = fmin(setup->prefill_Bps, setup->decode_Bps);
    uint32_t path[3], hops = path_of(setup, message, path);
    if (setup->shared_Bps > 0.0)
        Bps = fmin(Bps, setup->shared_Bps);
    for (uint32_t i = 0; i < hops; i++)
        start = t->link_free[path[i]] > start ? t->link_free[path[i]] : start;
    double wire_s = bytes_of(t, message) / Bps;
    kerf_time end = start + kerf_time_from_s(setup->overhead_s + wire_s);
    kerf_time last_layer = message->first_token + kerf_time_from_s(wire_s / setup->layers);
    end = last_layer > end ? last_layer : end;
    for (uint32_t i = 0; i < hops; i++)
        t->link_free[path[i]] = end;
    return land(lp, t, number, end, error);
}

/* Room and prompt are there: when the first byte may leave the prefill replica. The wish of the decode
 * replica has a way to go to it. */
static enum kerf_status set_out(struct kerf_lp *lp, struct transfer *t, uint32_t number,
                                struct kerf_error *error)
{
    const struct kerf_kv_transfer_setup *setup = t->setup;
    const struct ticket *ticket = &t->ticket[number];
    const struct kerf_kv_message *message = &ticket->message;
    kerf_time now = kerf_lp_now(lp), hop = kerf_kv_transfer_hop(setup);
    double layer = (double)(message->first_token - message->begun) / setup->layers;
    kerf_time first = setup->layers > 1.0 ? message->begun + (kerf_time)layer : message->first_token;
    kerf_time start = ticket->asked + 2 * hop > first ? ticket->asked + 2 * hop : first;
    start += kerf_time_from_s(message->prompt_tokens * setup->convert_s_per_token);
    if (!setup->fair)
        return carry(lp, t, number, start, error);
    start += kerf_time_from_s(setup->overhead_s);
    return kerf_lp_send(lp, kerf_lp_id(lp), start > now ? start - now : 0, EVENT_START, &number,
                        sizeof number, error);
}

/* Fair: wakes up when the next flow ends. */
static enum kerf_status wait_for_flows(struct kerf_lp *lp, struct transfer *t, struct kerf_error *error)
{
    kerf_time next = kerf_fluid_next(t->fluid), now = kerf_lp_now(lp);
    if (t->is_awake)
        KERF_TRY(kerf_lp_cancel(lp, t->wake, NULL, error));
    t->is_awake = next != KERF_TIME_NEVER;
    if (!t->is_awake)
        return KERF_OK;
    return kerf_lp_set_timer(lp, next > now ? next - now : 0, EVENT_FLOWS_END, NULL, 0, &t->wake, error);
}

static enum kerf_status end_flows(struct kerf_lp *lp, struct transfer *t, struct kerf_error *error)
{
    uint32_t flow;
    kerf_time end;
    while (kerf_fluid_finish(t->fluid, kerf_lp_now(lp), &flow, &end))
        KERF_TRY(land(lp, t, t->ticket_of_flow[flow], end, error));
    return KERF_OK;
}

static enum kerf_status start_flow(struct kerf_lp *lp, struct transfer *t, uint32_t number,
                                   struct kerf_error *error)
{
    uint32_t path[3], id;
    const struct kerf_kv_message *message = &t->ticket[number].message;
    struct kerf_fluid_flow flow = {.path = path, .bytes = bytes_of(t, message)};
    flow.hops = path_of(t->setup, message, path);
    KERF_TRY(end_flows(lp, t, error)); /* those of this instant */
    KERF_TRY(kerf_fluid_start(t->fluid, kerf_lp_now(lp), &flow, &id, error));
    t->ticket_of_flow[id] = number;
    return wait_for_flows(lp, t, error);
}

static enum kerf_status transfer_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                        struct kerf_error *error)
{
    struct transfer *t = state;
    struct kerf_kv_message message;
    uint32_t number = 0;
    if (event->type == EVENT_START) {
        memcpy(&number, event->payload, sizeof number);
        return start_flow(lp, t, number, error);
    }
    if (event->type == EVENT_FLOWS_END) {
        t->is_awake = false;
        KERF_TRY(end_flows(lp, t, error));
        return wait_for_flows(lp, t, error);
    }
    memcpy(&message, event->payload, sizeof message);
    switch (event->type) {
    case KERF_EVENT_KV_OFFER:
        return offer(lp, t, &message, error);
    case KERF_EVENT_KV_READY:
        number = computed(t, &message);
        break;
    case KERF_EVENT_KV_ACCEPT:
        number = message.ticket;
        t->ticket[number].message.decode_slot = message.decode_slot;
        t->ticket[number].asked = kerf_lp_now(lp) - kerf_kv_transfer_hop(t->setup);
        t->ticket[number].accepted = true;
        break;
    case KERF_EVENT_KV_DONE:
        kerf_tournament_add(&t->unfinished, (int)message.decode_replica, -1);
        return KERF_OK;
    default:
        return kerf_error_set(error, KERF_ERR_FAILURE, "internal: a KV transfer got an event of type %u",
                              event->type);
    }
    return t->ticket[number].ready && t->ticket[number].accepted ? set_out(lp, t, number, error) : KERF_OK;
}

/* --- checkpoints, reports --- */

static void transfer_save(const void *state, struct kerf_pack *pack)
{
    const struct transfer *t = state;
    const struct kerf_kv_transfer_setup *setup = t->setup;
    kerf_pack_put(pack, t, sizeof *t);
    kerf_pack_put(pack, t->ticket, t->capacity * sizeof *t->ticket);
    kerf_pack_put(pack, t->ticket_of_flow, t->capacity * sizeof *t->ticket_of_flow);
    kerf_pack_put(pack, t->link_free, (size_t)link_count(setup) * sizeof *t->link_free);
    kerf_pack_put(pack, t->computing, (size_t)setup->prefill_replicas * sizeof *t->computing);
    kerf_pack_put(pack, t->unfinished.count, (size_t)setup->decode_replicas * sizeof *t->unfinished.count);
    if (t->fluid)
        kerf_fluid_save(t->fluid, pack);
}

static bool load_arrays(struct transfer *t, struct kerf_unpack *unpack)
{
    const struct kerf_kv_transfer_setup *setup = t->setup;
    bool fits = kerf_unpack_get(unpack, t->ticket, t->capacity * sizeof *t->ticket) &&
                kerf_unpack_get(unpack, t->ticket_of_flow, t->capacity * sizeof *t->ticket_of_flow) &&
                kerf_unpack_get(unpack, t->link_free, (size_t)link_count(setup) * sizeof *t->link_free) &&
                kerf_unpack_get(unpack, t->computing, (size_t)setup->prefill_replicas * sizeof *t->computing);
    for (int i = 0; fits && i < setup->decode_replicas; i++) {
        int count = 0;
        fits = kerf_unpack_get(unpack, &count, sizeof count);
        kerf_tournament_add(&t->unfinished, i, count - t->unfinished.count[i]);
    }
    return fits && (!t->fluid || kerf_fluid_load(t->fluid, unpack));
}

static bool transfer_load(void *state, struct kerf_unpack *unpack)
{
    struct transfer *t = state, saved;
    if (!kerf_unpack_get(unpack, &saved, sizeof saved) || saved.capacity > unpack->bytes / sizeof *t->ticket)
        return false;
    if (saved.capacity > 0 && !resize(t, saved.capacity))
        return false;
    t->capacity = saved.capacity;
    t->first_free = saved.first_free;
    t->wake = saved.wake;
    t->is_awake = saved.is_awake;
    t->record = saved.record;
    return load_arrays(t, unpack);
}

/* Waits for the first prompt that is not taken. */
static bool transfer_waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why,
                           size_t why_bytes)
{
    (void)lp;
    const struct transfer *t = state;
    for (uint32_t i = 0; i < t->capacity; i++)
        if (t->ticket[i].in_use && !t->ticket[i].accepted) {
            *whom = t->setup->decode[t->ticket[i].message.decode_replica];
            snprintf(why, why_bytes, "%d prompts are on their way, one of %u tokens has no room there",
                     t->record.under_way, t->ticket[i].message.prompt_tokens);
            return true;
        }
    return false;
}

const struct kerf_lp_kind kerf_kv_transfer_lp = {.name = "kv-transfer",
                                                 .state_bytes = sizeof(struct transfer),
                                                 .init = transfer_init,
                                                 .handle = transfer_handle,
                                                 .free = transfer_free,
                                                 .save = transfer_save,
                                                 .load = transfer_load,
                                                 .waits = transfer_waits};

struct kerf_kv_transfer_record kerf_kv_transfer_record(const void *state)
{
    return ((const struct transfer *)state)->record;
}
