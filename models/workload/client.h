/* The client: the users of one system. It sends requests to the replicas and keeps what happened to each. */
#ifndef KERF_WORKLOAD_CLIENT_H
#define KERF_WORKLOAD_CLIENT_H

#include "models/fabric/link.h"
#include "models/workload/request.h"
#include "sim/engine/engine.h"

struct kerf_client_setup {
    const struct kerf_workload *workload;
    const uint32_t *scheduler; /* LPs, one per replica */
    int replicas;
    bool routed;           /* there is one "replica", the router, and answers say who wrote them */
    struct kerf_link link; /* from the users to the replicas, and back */
};

/* LP kind "client"; setup: struct kerf_client_setup. A request goes to the replica with the fewest
 * unanswered. */
extern const struct kerf_lp_kind kerf_client_lp;

/* Records of the requests made so far, in order of arrival; `state` is that of a client LP. */
const struct kerf_request_record *kerf_client_records(const void *state, int *requests, int *answered);

#endif
