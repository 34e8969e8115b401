/* The workload room: conversations. Knows lengths and pauses; not who answers. */
#include "models/workload/session.h"

#include <math.h>

/* Streams of random numbers, and how many draws a session has of each at most. */
enum { STREAM_TURNS = 16, STREAM_CALLS, STREAM_USER, STREAM_TOOL, STREAM_THINK, STREAM_TOOL_TIME };
static const uint64_t draws_per_session = UINT64_C(1) << 24;
static const double most_turns = 1e6;

/* The draw of a session that belongs to its call `call`. */
static double draw(const struct kerf_workload *workload, const struct kerf_draws *distribution,
                   uint64_t stream, const struct kerf_session *session, double nominal)
{
    if (distribution->kind == KERF_DRAWS_NOMINAL)
        return nominal;
    return kerf_draws_value(distribution, workload->seed, stream,
                            session->session * draws_per_session + session->call);
}

static uint32_t count_of(double value)
{
    return (uint32_t)fmin(fmax(1.0, round(value)), most_turns);
}

struct kerf_session kerf_session_begin(const struct kerf_workload *workload, uint32_t number)
{
    struct kerf_session session = {.session = number};
    session.turns_left = count_of(draw(workload, &workload->sessions.turns, STREAM_TURNS, &session, 1.0)) - 1;
    session.calls_left = count_of(draw(workload, &workload->sessions.calls, STREAM_CALLS, &session, 1.0));
    return session;
}

/* Goes on to the next call, or to the next turn; returns what is added to the context, and the pause before.
 */
static double go_on(const struct kerf_workload *workload, struct kerf_session *session, double *pause_s)
{
    const struct kerf_session_load *load = &workload->sessions;
    if (session->calls_left > 0) {
        *pause_s = draw(workload, &load->tool_s, STREAM_TOOL_TIME, session, 0.0);
        return draw(workload, &load->tool_tokens, STREAM_TOOL, session, 0.0);
    }
    session->turns_left--;
    session->calls_left = count_of(draw(workload, &load->calls, STREAM_CALLS, session, 1.0));
    *pause_s = draw(workload, &load->think_s, STREAM_THINK, session, 0.0);
    return draw(workload, &load->user_tokens, STREAM_USER, session, 1.0);
}

bool kerf_session_next(const struct kerf_workload *workload, struct kerf_session *session,
                       struct kerf_lengths *lengths, double *pause_s)
{
    *pause_s = 0.0;
    if (session->turns_left == 0 && session->calls_left == 0)
        return false;
    /* Lengths as of a request of its own; the first prompt is that, the later ones grow. */
    *lengths = kerf_lengths_drawn(workload, session->session * draws_per_session + session->call);
    if (session->call > 0)
        lengths->prompt = session->context + (uint32_t)fmin(round(go_on(workload, session, pause_s)), 1e9);
    double after = (double)lengths->prompt + lengths->reasoning + lengths->answer;
    if (session->call > 0 && workload->sessions.context_most > 0.0 &&
        after > workload->sessions.context_most) {
        session->turns_left = session->calls_left = 0;
        return false;
    }
    session->calls_left--;
    session->call++;
    session->context =
        lengths->prompt + lengths->answer + (workload->sessions.keeps_reasoning ? lengths->reasoning : 0);
    return true;
}
