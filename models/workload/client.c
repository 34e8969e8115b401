/* The workload room: users. Knows requests and the engine; not what answers them. */
#include "models/workload/client.h"

#include "models/workload/arrivals.h"
#include "models/workload/session.h"
#include "models/workload/tournament.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_ARRIVAL = 32, EVENT_CALL, TOKEN_ID_BYTES = 4 };

/* The call of a session that is under way, or comes after a pause. */
struct call {
    struct kerf_session session;
    struct kerf_lengths lengths;
};

struct client {
    const struct kerf_client_setup *setup;
    struct kerf_request_record *record; /* owned: workload->requests */
    struct kerf_tournament unanswered;  /* per replica */
    struct kerf_link link;
    int sent, answered;
    struct call *call; /* owned: of every session the call that it is at; NULL without sessions */
    int begun;         /* sessions */
};

static void client_free(void *state)
{
    struct client *client = state;
    free(client->record);
    free(client->call);
    kerf_tournament_free(&client->unanswered);
}

static uint32_t shared_tokens(const struct kerf_workload *workload, uint32_t prompt)
{
    return workload->shared_prefix_tokens < prompt ? (uint32_t)workload->shared_prefix_tokens : prompt;
}

/* Tokens that the next prompt of the session begins with. Reasoning that is dropped stands before the answer,
 * so of the output nothing is there again. */
static uint32_t lasting_tokens(const struct kerf_workload *workload, uint32_t session,
                               const struct kerf_lengths *lengths)
{
    bool all = session != KERF_NO_SESSION && (workload->sessions.keeps_reasoning || lengths->reasoning == 0);
    return lengths->prompt + (all ? lengths->reasoning + lengths->answer : 0);
}

/* Sends the next request, of a session (KERF_NO_SESSION: none) with these lengths. */
static enum kerf_status send_request(struct kerf_lp *lp, struct client *client, uint32_t session,
                                     struct kerf_lengths lengths, struct kerf_error *error)
{
    const struct kerf_workload *workload = client->setup->workload;
    int number = client->sent++, replica = kerf_tournament_least(&client->unanswered);
    struct kerf_request_record *record = &client->record[number];
    record->session = session;
    record->call = session != KERF_NO_SESSION ? client->call[session].session.call - 1 : 0;
    record->arrival_s = kerf_time_to_s(kerf_lp_now(lp));
    record->prompt_tokens = lengths.prompt;
    record->output_tokens = lengths.reasoning + lengths.answer;
    record->reasoning_tokens = lengths.reasoning;
    record->replica = (uint32_t)replica;
    kerf_tournament_add(&client->unanswered, replica, 1);
    struct kerf_request_message message = {.request = (uint64_t)number,
                                           .prompt_tokens = record->prompt_tokens,
                                           .output_tokens = record->output_tokens,
                                           .shared_tokens = shared_tokens(workload, lengths.prompt),
                                           .session = session,
                                           .lasting_tokens = lasting_tokens(workload, session, &lengths)};
    kerf_time start, now = kerf_lp_now(lp);
    kerf_time arrival =
        kerf_link_carry(&client->link, now, TOKEN_ID_BYTES * (double)record->prompt_tokens, &start);
    record->first_part_s[KERF_TIME_WAITING] = kerf_time_to_s(start - now);
    record->first_part_s[KERF_TIME_INTERCONNECT] = kerf_time_to_s(arrival - start);
    return kerf_lp_send(lp, client->setup->scheduler[replica], arrival - now, KERF_EVENT_REQUEST, &message,
                        sizeof message, error);
}

/* The next call of a session, after its pause; if it has none any more and sessions follow each other,
 * another begins. */
static enum kerf_status go_on(struct kerf_lp *lp, struct client *client, uint32_t session,
                              struct kerf_error *error)
{
    const struct kerf_workload *workload = client->setup->workload;
    struct call *call = &client->call[session];
    double pause_s;
    if (kerf_session_next(workload, &call->session, &call->lengths, &pause_s))
        return kerf_lp_send(lp, kerf_lp_id(lp), kerf_time_from_s(pause_s), EVENT_CALL, &session,
                            sizeof session, error);
    bool another =
        workload->arrivals == KERF_ARRIVALS_CLOSED_LOOP && client->begun < workload->sessions.count;
    return another ? kerf_lp_send(lp, kerf_lp_id(lp), 0, EVENT_ARRIVAL, NULL, 0, error) : KERF_OK;
}

/* A request of its own, or the first of a session. */
static enum kerf_status arrive(struct kerf_lp *lp, struct client *client, struct kerf_error *error)
{
    const struct kerf_workload *workload = client->setup->workload;
    if (!client->call)
        return send_request(lp, client, KERF_NO_SESSION, kerf_lengths_of(workload, (uint64_t)client->sent),
                            error);
    uint32_t session = (uint32_t)client->begun++;
    client->call[session].session = kerf_session_begin(workload, session);
    return go_on(lp, client, session, error);
}

/* Requests, or sessions, that have come, and those that come in all. */
static int arrived(const struct client *client)
{
    return client->call ? client->begun : client->sent;
}

static int arrivals_in_all(const struct client *client)
{
    const struct kerf_workload *workload = client->setup->workload;
    return client->call ? workload->sessions.count : workload->requests;
}

static enum kerf_status next_open_arrival(struct kerf_lp *lp, const struct client *client,
                                          struct kerf_error *error)
{
    const struct kerf_workload *workload = client->setup->workload;
    if (arrived(client) >= arrivals_in_all(client))
        return KERF_OK;
    double gap_s = kerf_arrival_gap_s(workload, (uint64_t)arrived(client));
    return kerf_lp_send(lp, kerf_lp_id(lp), kerf_time_from_s(gap_s), EVENT_ARRIVAL, NULL, 0, error);
}

static enum kerf_status client_init(struct kerf_lp *lp, const void *setup, void *state,
                                    struct kerf_error *error)
{
    const struct kerf_client_setup *mine = setup;
    const struct kerf_workload *workload = mine->workload;
    struct client *client = state;
    client->setup = mine;
    client->link = mine->link;
    client->record = calloc((size_t)workload->requests, sizeof *client->record);
    KERF_TRY(kerf_tournament_make(&client->unanswered, mine->replicas, error));
    if (workload->sessions.count > 0) {
        client->call = calloc((size_t)workload->sessions.count, sizeof *client->call);
        KERF_CHECK(client->call, KERF_ERR_FAILURE, "out of memory for %d sessions", workload->sessions.count);
    }
    KERF_CHECK(client->record, KERF_ERR_FAILURE, "out of memory for %d requests", workload->requests);
    if (kerf_arrivals_are_open(workload->arrivals))
        return next_open_arrival(lp, client, error);
    int all = arrivals_in_all(client);
    int at_once = workload->arrivals == KERF_ARRIVALS_BATCH ? all : workload->users;
    for (int user = 0; user < at_once && user < all; user++)
        KERF_TRY(kerf_lp_send(lp, kerf_lp_id(lp), 0, EVENT_ARRIVAL, NULL, 0, error));
    return KERF_OK;
}

static void keep_first_token(struct client *client, const struct kerf_answer_message *answer, kerf_time now)
{
    struct kerf_request_record *record = &client->record[answer->request];
    record->first_token_s = kerf_time_to_s(now);
    record->prefill_queue_s = answer->pool_queue_s;
    if (client->setup->routed)
        record->replica = answer->replica;
    for (int part = 0; part < KERF_TIME_PARTS; part++)
        record->first_part_s[part] += answer->part_s[part]; /* after the way there */
    record->first_part_s[KERF_TIME_INTERCONNECT] += client->setup->link.latency_s;
}

static void keep_answer(struct client *client, const struct kerf_answer_message *answer, kerf_time now)
{
    struct kerf_request_record *record = &client->record[answer->request];
    record->finish_s = kerf_time_to_s(now);
    record->rounds = answer->rounds;
    record->preemptions = answer->preemptions;
    record->pool_queue_s = answer->pool_queue_s;
    record->kv_transfer_s = answer->transfer_s;
    record->cached_tokens = answer->cached_tokens;
    for (int part = 0; part < KERF_TIME_PARTS; part++)
        record->decode_part_s[part] = answer->part_s[part];
    kerf_tournament_add(&client->unanswered, client->setup->routed ? 0 : (int)record->replica, -1);
    client->answered++;
}

static enum kerf_status client_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                      struct kerf_error *error)
{
    struct client *client = state;
    const struct kerf_workload *workload = client->setup->workload;
    struct kerf_answer_message answer;
    if (event->type == EVENT_CALL) {
        uint32_t session;
        memcpy(&session, event->payload, sizeof session);
        return send_request(lp, client, session, client->call[session].lengths, error);
    }
    if (event->type == EVENT_ARRIVAL) {
        KERF_TRY(arrive(lp, client, error));
        return kerf_arrivals_are_open(workload->arrivals) ? next_open_arrival(lp, client, error) : KERF_OK;
    }
    memcpy(&answer, event->payload, sizeof answer);
    if (event->type == KERF_EVENT_FIRST_TOKEN) {
        keep_first_token(client, &answer, kerf_lp_now(lp));
        return KERF_OK;
    }
    keep_answer(client, &answer, kerf_lp_now(lp));
    if (client->call)
        return go_on(lp, client, client->record[answer.request].session, error);
    bool asks_again = workload->arrivals == KERF_ARRIVALS_CLOSED_LOOP && client->sent < workload->requests;
    return asks_again ? arrive(lp, client, error) : KERF_OK;
}

static void client_save(const void *state, struct kerf_pack *pack)
{
    const struct client *client = state;
    kerf_pack_put(pack, &client->sent, sizeof client->sent);
    kerf_pack_put(pack, &client->answered, sizeof client->answered);
    kerf_pack_put(pack, &client->link, sizeof client->link);
    kerf_pack_put(pack, client->record, (size_t)client->sent * sizeof *client->record);
    kerf_pack_put(pack, &client->begun, sizeof client->begun);
    if (client->call)
        kerf_pack_put(pack, client->call, (size_t)client->begun * sizeof *client->call);
    kerf_pack_put(pack, client->unanswered.count,
                  (size_t)client->setup->replicas * sizeof *client->unanswered.count);
}

static bool client_load(void *state, struct kerf_unpack *unpack)
{
    struct client *client = state;
    if (!kerf_unpack_get(unpack, &client->sent, sizeof client->sent) ||
        !kerf_unpack_get(unpack, &client->answered, sizeof client->answered) ||
        !kerf_unpack_get(unpack, &client->link, sizeof client->link) || client->sent < 0 ||
        client->sent > client->setup->workload->requests ||
        !kerf_unpack_get(unpack, client->record, (size_t)client->sent * sizeof *client->record) ||
        !kerf_unpack_get(unpack, &client->begun, sizeof client->begun) || client->begun < 0 ||
        client->begun > (client->call ? client->setup->workload->sessions.count : 0))
        return false;
    if (client->call && !kerf_unpack_get(unpack, client->call, (size_t)client->begun * sizeof *client->call))
        return false;
    for (int replica = 0; replica < client->setup->replicas; replica++) {
        int count;
        if (!kerf_unpack_get(unpack, &count, sizeof count))
            return false;
        kerf_tournament_add(&client->unanswered, replica, count - client->unanswered.count[replica]);
    }
    return true;
}

/* Waits for the replica that owes it most. */
static bool client_waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why,
                         size_t why_bytes)
{
    (void)lp;
    const struct client *client = state;
    int most = 0;
    for (int replica = 1; replica < client->setup->replicas; replica++)
        if (client->unanswered.count[replica] > client->unanswered.count[most])
            most = replica;
    *whom = client->setup->scheduler[most];
    snprintf(why, why_bytes, "%d of %d requests are not answered, %d of them there",
             client->setup->workload->requests - client->answered, client->setup->workload->requests,
             client->unanswered.count[most]);
    return client->answered < client->setup->workload->requests;
}

const struct kerf_lp_kind kerf_client_lp = {.name = "client",
                                            .state_bytes = sizeof(struct client),
                                            .init = client_init,
                                            .handle = client_handle,
                                            .free = client_free,
                                            .save = client_save,
                                            .load = client_load,
                                            .waits = client_waits};

const struct kerf_request_record *kerf_client_records(const void *state, int *requests, int *answered)
{
    const struct client *client = state;
    *requests = client->sent;
    *answered = client->answered;
    return client->record;
}
