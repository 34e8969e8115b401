/* What the benchmarks share: long options, wall and CPU time, peak memory, and one line of key=value as their
 * output, which run.py reads. A benchmark is a program of its own; nothing here is part of the library. */
#ifndef KERF_BENCH_H
#define KERF_BENCH_H

#include "sim/engine/engine.h"

#include <stdbool.h>
#include <stddef.h>

/* One option "--name VALUE"; exactly one of the targets is set, and it holds the default. A flag takes no
 * value. */
struct bench_option {
    const char *name;
    double *number;
    uint64_t *count; /* also takes suffixes k, M, G (powers of 10) */
    const char **text;
    bool *flag;
    const char *help;
};

/* Starts MPI and reads the command line into the targets. False: wrong usage or --help, already reported on
 * rank 0; the program should end with bench_finish. */
bool bench_start(int *argc, char ***argv, const struct bench_option *options, size_t option_count);

/* Ends MPI; `status` is the exit status, the worst of all ranks counts. */
int bench_finish(int status);

struct bench_clock {
    double wall_s, cpu_s;
};

struct bench_clock bench_now(void);

/* Wall time since `start` of the slowest rank, CPU time of all ranks together. Collective. */
struct bench_clock bench_since(MPI_Comm comm, struct bench_clock start);

/* When a run began, and when its set-up was over: the context of bench_set_up_is_over. */
struct bench_watch {
    struct bench_clock start, run_start;
    bool running;
};

/* A `wish` of engine calls: asks for nothing, and notes when the engine first asks. */
enum kerf_wish bench_set_up_is_over(void *watch);

/* True when so small a share of CPU time in wall time says that somebody else had the core. */
bool bench_was_busy(double cpu_share);

/* Peak resident memory of this process, in bytes; 0 where the system does not tell. */
double bench_peak_bytes(void);

/* Creates, runs and reports one engine run. `add` adds the LPs; what it does counts as set-up, as does their
 * init. */
struct bench_run {
    const char *name;
    bool reference; /* run on the plain heap instead */
    bool fold;      /* simulate LPs that are alike once */
    void *context;
    enum kerf_status (*add)(void *context, struct kerf_engine *engine, struct kerf_error *error);
    /* What is to be checked and printed of the finished run on top, as " key=value" pairs. NULL: nothing. */
    enum kerf_status (*finish)(void *context, struct kerf_engine *engine, char *text, size_t text_bytes,
                               struct kerf_error *error);
};

/* Prints the line on rank 0. Returns the exit status. Collective. */
int bench_run_engine(const struct bench_run *run);

#endif
