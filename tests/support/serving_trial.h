/* A client and schedulers with a stand-in for the accelerators that takes a known time for every pass, so
 * that every wait can be said beforehand. For tests of serving. */
#ifndef KERF_TESTS_SERVING_TRIAL_H
#define KERF_TESTS_SERVING_TRIAL_H

#include "models/node/pass_message.h"
#include "models/workload/client.h"
#include "models/workload/kv_transfer.h"
#include "models/workload/scheduler.h"

enum { REPLICAS_MOST = 3 };

/* One trial: what goes in, and what came out. */
struct trial {
    struct kerf_workload workload;
    struct kerf_scheduler_policy policy;
    struct kerf_backend backend;
    double service_s, link_s;
    /* Time of a pass; NULL: service_s, which no pass may undercut. */
    double (*pass_s)(const struct trial *trial, const struct kerf_pass_message *pass, uint64_t number);
    int replicas;
    int decode_replicas; /* 0: one pool */
    struct kerf_kv_transfer_setup transfer;
    struct kerf_backend decode_backend;
    /* filled by run */
    struct kerf_request_record *record;
    int sent, answered;
    struct kerf_scheduler_record scheduler[2 * REPLICAS_MOST]; /* those that decode behind the others */
    struct kerf_kv_transfer_record carried;
    double busy_s; /* of the devices */
    uint64_t passes;
    uint64_t most_tokens, most_prefill, most_sequences; /* in one pass */
    uint64_t prefill_tokens, decode_tokens;
    uint64_t overlaps; /* passes that came while another was under way */
};

/* One step at a time, prompts and answers together, guesses checked in the same step; cache without limit,
 * set aside whole. */
struct trial gpu_trial(void);

/* A pipeline: a pass every millisecond, guesses checked in passes that follow each other. */
struct trial wafer_trial(void);

/* Runs to the end on this rank; fails the test when that fails. The caller frees trial->record. */
void run(struct trial *trial);

/* Fails unless every request of the workload was answered. */
void assert_all_answered(const struct trial *trial);

kerf_time ps(double seconds);

/* Time of the answer after the first token, in exact picoseconds. */
kerf_time decode_ps(const struct kerf_request_record *record);

#endif
