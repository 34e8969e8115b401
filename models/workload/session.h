/* Conversations: requests that follow each other, each with the one before in its prompt.
 *
 * A session has turns; a turn begins with what a user says and has one or more calls of the network, between
 * which tools run. Every prompt holds all that came before: the prompt and the answer of the call before (its
 * reasoning only if that is kept), and what the user or the tool adds. Everything follows from seed and
 * session, not from when anything is served. */
#ifndef KERF_WORKLOAD_SESSION_H
#define KERF_WORKLOAD_SESSION_H

#include "models/workload/lengths.h"

#include <stdbool.h>

/* Where a session stands; plain data. */
struct kerf_session {
    uint32_t session;    /* its number */
    uint32_t turns_left; /* after this one */
    uint32_t calls_left; /* of this turn, after the last that was made */
    uint32_t call;       /* calls made so far, in all */
    uint32_t context;    /* tokens that the next prompt begins with */
};

/* The start of session `number`. */
struct kerf_session kerf_session_begin(const struct kerf_workload *workload, uint32_t number);

/* The next call of the session: its lengths, and *pause_s, the time from the answer before to it. False:
 * there is none, for it has had its turns or would exceed the context. */
bool kerf_session_next(const struct kerf_workload *workload, struct kerf_session *session,
                       struct kerf_lengths *lengths, double *pause_s);

#endif
