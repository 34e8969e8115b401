/* What the benchmarks share. */
#include "tests/bench/bench.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int comm_rank(void)
{
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

static void print_usage(const char *program, const struct bench_option *options, size_t option_count)
{
    fprintf(stderr, "usage: %s [options]\n", program);
    for (size_t i = 0; i < option_count; i++)
        fprintf(stderr, "  --%-12s %s\n", options[i].name, options[i].help);
}

static double suffix_factor(const char *suffix)
{
    switch (*suffix) {
    case 'k':
        return 1e3;
    case 'M':
        return 1e6;
    case 'G':
        return 1e9;
    default:
        return *suffix ? 0.0 : 1.0;
    }
}

static bool read_value(const struct bench_option *option, const char *text)
{
    if (option->text) {
        *option->text = text;
        return true;
    }
    char *rest;
    errno = 0;
    double number = strtod(text, &rest);
    double factor = suffix_factor(rest);
    if (errno || rest == text || factor == 0.0 || (*rest && rest[1]) || !(number >= 0.0))
        return false;
    if (option->number)
        *option->number = number * factor;
    else
        *option->count = (uint64_t)(number * factor + 0.5);
    return true;
}

static const struct bench_option *find_option(const char *argument, const struct bench_option *options,
                                              size_t option_count)
{
    for (size_t i = 0; i < option_count; i++)
        if (strncmp(argument, "--", 2) == 0 && strcmp(argument + 2, options[i].name) == 0)
            return &options[i];
    return NULL;
}

bool bench_start(int *argc, char ***argv, const struct bench_option *options, size_t option_count)
{
    MPI_Init(argc, argv);
    for (int i = 1; i < *argc; i++) {
        const struct bench_option *option = find_option((*argv)[i], options, option_count);
        bool good = option && (option->flag || (i + 1 < *argc && read_value(option, (*argv)[i + 1])));
        if (!good) {
            if (comm_rank() == 0) {
                fprintf(stderr, "%s: cannot use '%s'\n", (*argv)[0], (*argv)[i]);
                print_usage((*argv)[0], options, option_count);
            }
            return false;
        }
        if (option->flag)
            *option->flag = true;
        else
            i++;
    }
    return true;
}

int bench_finish(int status)
{
    MPI_Allreduce(MPI_IN_PLACE, &status, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    MPI_Finalize();
    return status;
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct bench_clock bench_now(void)
{
    return (struct bench_clock){.wall_s = seconds_of(CLOCK_MONOTONIC),
                                .cpu_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
}

struct bench_clock bench_since(MPI_Comm comm, struct bench_clock start)
{
    struct bench_clock now = bench_now(), since;
    now.wall_s -= start.wall_s;
    now.cpu_s -= start.cpu_s;
    MPI_Allreduce(&now.wall_s, &since.wall_s, 1, MPI_DOUBLE, MPI_MAX, comm);
    MPI_Allreduce(&now.cpu_s, &since.cpu_s, 1, MPI_DOUBLE, MPI_SUM, comm);
    return since;
}

bool bench_was_busy(double cpu_share)
{
    const double least_share = 0.9;
    return cpu_share < least_share;
}

/* VmHWM and not ru_maxrss: the latter remembers the process that started this one. */
double bench_peak_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    double kilobytes = 0.0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %lf kB", &kilobytes) == 1)
            break;
    if (file)
        fclose(file);
    return kilobytes * 1024.0;
}

/* The engine asks for wishes first when the set-up is over and no event is handled yet: there the set-up's
 * clock stops. */
enum kerf_wish bench_set_up_is_over(void *context)
{
    struct bench_watch *watch = context;
    if (!watch->running) {
        MPI_Barrier(MPI_COMM_WORLD);
        watch->run_start = bench_now();
        watch->running = true;
    }
    return KERF_WISH_NONE;
}

static void print_line(const struct bench_run *run, const struct kerf_engine_stats *stats,
                       struct bench_clock ran, double setup_s, const char *more)
{
    int ranks;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    double peak = bench_peak_bytes(), peaks[2] = {peak, 0.0};
    MPI_Allreduce(MPI_IN_PLACE, &peaks[0], 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    MPI_Allreduce(&peak, &peaks[1], 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    if (comm_rank() != 0)
        return;
    double events = (double)stats->events, cpu_share = ran.cpu_s / (ran.wall_s * ranks);
    double per_cpu_s = events / (ran.cpu_s / ranks);
    printf("bench=%s ranks=%d lps=%" PRIu64 " events=%" PRIu64 " run_s=%.6f cpu_s=%.6f events_per_s=%.4g "
           "events_per_cpu_s=%.4g setup_s=%.6f setup_us_per_lp=%.4f rss_max_MB=%.2f rss_sum_MB=%.2f "
           "digest=%016" PRIx64 " windows=%" PRIu64 " rounds=%" PRIu64 " events_per_window=%.4g "
           "events_per_round=%.4g remote_events=%" PRIu64 " handler_s=%.4f queue_s=%.4f exchange_s=%.4f "
           "waiting_s=%.4f cpu_share=%.3f%s%s\n",
           run->name, ranks, stats->lps, stats->events, ran.wall_s, ran.cpu_s, events / ran.wall_s, per_cpu_s,
           setup_s, 1e6 * setup_s / (double)stats->lps, peaks[0] / 1e6, peaks[1] / 1e6, stats->digest,
           stats->windows, stats->rounds, events / (double)(stats->windows ? stats->windows : 1),
           events / (double)(stats->rounds ? stats->rounds : 1), stats->remote_events, stats->handler_s,
           stats->queue_s, stats->exchange_s, stats->waiting_s, cpu_share, more,
           bench_was_busy(cpu_share) ? " note='busy machine'" : "");
    fflush(stdout);
}

static enum kerf_status create_and_run(const struct bench_run *run, struct kerf_engine **engine,
                                       struct kerf_error *error)
{
    struct bench_watch watch = {.start = bench_now()};
    struct kerf_engine_options options = {.reference = run->reference, .fold = run->fold};
    struct kerf_engine_calls calls = {.context = &watch, .wish = bench_set_up_is_over};
    KERF_TRY(kerf_engine_create(MPI_COMM_WORLD, &options, engine, error));
    KERF_TRY(run->add(run->context, *engine, error));
    KERF_TRY(kerf_engine_run(*engine, &calls, NULL, error));
    if (!watch.running) /* the reference engine asks for nothing */
        watch.run_start = watch.start;
    struct bench_clock ran = bench_since(MPI_COMM_WORLD, watch.run_start);
    struct kerf_engine_stats stats = kerf_engine_stats(*engine);
    char more[512] = "";
    if (run->finish)
        KERF_TRY(run->finish(run->context, *engine, more, sizeof more, error));
    print_line(run, &stats, ran, watch.run_start.wall_s - watch.start.wall_s, more);
    return KERF_OK;
}

int bench_run_engine(const struct bench_run *run)
{
    struct kerf_engine *engine = NULL;
    struct kerf_error error = {0};
    enum kerf_status status = create_and_run(run, &engine, &error);
    if (status != KERF_OK && comm_rank() == 0)
        fprintf(stderr, "%s: %s\n", run->name, error.message);
    kerf_engine_free(engine);
    return (int)status;
}
