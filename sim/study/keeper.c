/* The study room: checkpoints of a comparison while it runs, and going on from one. Rank 0's clock decides.
 */
#include "sim/study/keeper.h"

#include "sim/engine/agree.h"
#include "sim/io/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 1600 };

/* What is left of the time limit when the last checkpoint begins: so many times the longest one so far, at
 * least a few seconds, but no more than half of a short limit. */
static const double margin_per_checkpoint = 3.0, margin_least_s = 5.0, margin_share_most = 0.5;

struct kerf_keeper {
    MPI_Comm comm;
    int rank;
    const struct kerf_keeper_options *options;
    struct kerf_checkpoint *restart; /* owned: until it is loaded */
    struct kerf_comparison *comparison;
    double start_s, next_s, longest_s; /* of the clock; duration of a checkpoint */
    int saves_answered;
    bool limit_reached;
    char last[TEXT_BYTES]; /* the last good checkpoint, in words */
};

static void remember(struct kerf_keeper *keeper, const char *path, const struct kerf_checkpoint_about *about)
{
    snprintf(keeper->last, sizeof keeper->last, "the last good checkpoint is %s of %s, at simulated %.6g s",
             path, about->date, kerf_time_to_s(about->time));
}

static enum kerf_status open_restart(struct kerf_keeper *keeper, struct kerf_error *error)
{
    const struct kerf_keeper_options *options = keeper->options;
    enum kerf_status status = kerf_checkpoint_open(keeper->comm, options->restart, &keeper->restart, error);
    if (status != KERF_OK) {
        kerf_error_prefix(error, "--restart ");
        return status;
    }
    const struct kerf_checkpoint_about *about = kerf_checkpoint_about(keeper->restart);
    KERF_CHECK(strcmp(about->version, options->version) == 0, KERF_ERR_USAGE,
               "--restart %s: was written by kerf %s, this is %s: go on with that one, or start again",
               options->restart, about->version, options->version);
    remember(keeper, options->restart, about);
    return KERF_OK;
}

enum kerf_status kerf_keeper_open(MPI_Comm comm, const struct kerf_keeper_options *options,
                                  struct kerf_keeper **keeper, struct kerf_error *error)
{
    struct kerf_keeper *k = calloc(1, sizeof *k);
    *keeper = k;
    KERF_CHECK(k, KERF_ERR_FAILURE, "out of memory");
    k->comm = comm;
    k->options = options;
    MPI_Comm_rank(comm, &k->rank);
    k->start_s = MPI_Wtime();
    /* The first one shows how long one takes: it is in time to be of use. */
    k->next_s = options->every_s;
    if (options->limit_s > 0.0)
        k->next_s = fmin(k->next_s, 0.5 * options->limit_s);
    k->next_s += k->start_s;
    snprintf(k->last, sizeof k->last, "there is no checkpoint yet");
    if (options->restart)
        KERF_TRY(open_restart(k, error));
    return options->checkpoint ? kerf_checkpoint_prepare(comm, options->checkpoint, error) : KERF_OK;
}

void kerf_keeper_free(struct kerf_keeper *keeper)
{
    if (keeper)
        kerf_checkpoint_close(keeper->restart);
    free(keeper);
}

/* Splits lines in place into `set`; returns how many there are. */
static int split_lines(char *text, const char **set)
{
    int count = 0;
    for (char *line = text, *end; *line; line = end + 1) {
        end = line + strcspn(line, "\n");
        set[count++] = line;
        if (!*end)
            break;
        *end = '\0';
    }
    return count;
}

static size_t lines_of(const char *text)
{
    size_t lines = 1;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* The scenario that the checkpoint is of, with its overrides and then those of the command line. */
static enum kerf_status open_kept(struct kerf_keeper *keeper, const struct kerf_scenario_source *source,
                                  const char *const *catalogs, struct kerf_comparison **comparison,
                                  struct kerf_error *error)
{
    const struct kerf_checkpoint_about *about = kerf_checkpoint_about(keeper->restart);
    char *text = strdup(about->overrides);
    const char **set = calloc(lines_of(about->overrides) + (size_t)source->sets, sizeof *set);
    struct kerf_scenario_source kept = {
        .path = about->scenario_path, .text = about->scenario_text, .set = set};
    enum kerf_status status =
        text && set ? KERF_OK : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory");
    if (status == KERF_OK) {
        kept.sets = split_lines(text, set);
        for (int i = 0; i < source->sets; i++)
            set[kept.sets++] = source->set[i];
        status = kerf_comparison_open_source(keeper->comm, &kept, catalogs, comparison, error);
    }
    free(set);
    free(text);
    return status;
}

static void cut_comment(char *line)
{
    size_t length = strcspn(line, "#\n");
    while (length > 0 && line[length - 1] == ' ')
        length--;
    line[length] = '\0';
}

/* The first line in which two texts differ, without its comment. */
static void first_difference(const char *a, const char *b, char line_a[128], char line_b[128])
{
    for (;;) {
        size_t length_a = strcspn(a, "\n"), length_b = strcspn(b, "\n");
        if (length_a != length_b || memcmp(a, b, length_a) != 0 || !a[length_a] || !b[length_b]) {
            snprintf(line_a, 128, "%.*s", (int)length_a, a + strspn(a, " "));
            snprintf(line_b, 128, "%.*s", (int)length_b, b + strspn(b, " "));
            cut_comment(line_a);
            cut_comment(line_b);
            return;
        }
        a += length_a + 1;
        b += length_b + 1;
    }
}

static enum kerf_status check_same(const struct kerf_keeper *keeper, const struct kerf_comparison *c,
                                   struct kerf_error *error)
{
    const struct kerf_checkpoint_about *about = kerf_checkpoint_about(keeper->restart);
    const char *path = keeper->options->restart;
    if (strcmp(about->scenario_resolved, c->scenario_resolved) != 0) {
        char then[128], now[128];
        first_difference(about->scenario_resolved, c->scenario_resolved, then, now);
        return kerf_error_set(error, KERF_ERR_USAGE,
                              "--restart %s: is of another scenario: '%s' there, '%s' here; leave the "
                              "scenario and --set away to go on as it was",
                              path, then, now);
    }
    KERF_CHECK(
        about->catalog_hash == c->catalog.hash, KERF_ERR_USAGE,
        "--restart %s: the catalog is another: an entry that the scenario uses has changed in %s since "
        "(it was read from %s)",
        path, c->catalog.root, about->catalog);
    return KERF_OK;
}

enum kerf_status kerf_keeper_comparison(struct kerf_keeper *keeper, const struct kerf_scenario_source *source,
                                        const char *const *catalogs, struct kerf_comparison **comparison,
                                        struct kerf_error *error)
{
    *comparison = NULL;
    KERF_TRY(source->path ? kerf_comparison_open_source(keeper->comm, source, catalogs, comparison, error)
                          : open_kept(keeper, source, catalogs, comparison, error));
    struct kerf_comparison *c = keeper->comparison = *comparison;
    if (!keeper->restart)
        return KERF_OK;
    const struct kerf_checkpoint_about *about = kerf_checkpoint_about(keeper->restart);
    KERF_TRY(check_same(keeper, c, error));
    c->options.fold = about->folded;
    c->restarts = about->restarts + 1;
    snprintf(c->restarted_from, sizeof c->restarted_from, "%s", keeper->options->restart);
    return KERF_OK;
}

/* When the last checkpoint must begin. */
static double stop_by_s(const struct kerf_keeper *keeper)
{
    double limit_s = keeper->options->limit_s;
    double least_s = fmin(margin_least_s, margin_share_most * limit_s);
    return keeper->start_s + limit_s - fmax(least_s, margin_per_checkpoint * keeper->longest_s);
}

enum kerf_wish kerf_keeper_wish(struct kerf_keeper *keeper)
{
    const struct kerf_keeper_options *options = keeper->options;
    bool keeps = options->checkpoint != NULL;
    int asked = options->saves_asked();
    if (options->stop_asked())
        return keeps ? KERF_WISH_SAVE_AND_STOP : KERF_WISH_STOP;
    if (keeps && asked != keeper->saves_answered)
        return KERF_WISH_SAVE;
    if (asked != keeper->saves_answered && keeper->rank == 0)
        options->warn("a signal asks for a checkpoint, but there is no --checkpoint FILE; the run goes on");
    keeper->saves_answered = asked;
    if (!keeps || keeper->rank != 0)
        return KERF_WISH_NONE;
    double now_s = MPI_Wtime();
    keeper->limit_reached = keeper->limit_reached || (options->limit_s > 0.0 && now_s >= stop_by_s(keeper));
    if (keeper->limit_reached)
        return KERF_WISH_SAVE_AND_STOP;
    return now_s >= keeper->next_s ? KERF_WISH_SAVE : KERF_WISH_NONE;
}

/* Why the run is to stop: known on every rank. Collective. */
enum reason { GOES_ON, TIME_LIMIT, SIGNAL };

static enum reason reason_to_stop(const struct kerf_keeper *keeper)
{
    int reason = keeper->options->stop_asked() ? SIGNAL : keeper->limit_reached ? TIME_LIMIT : GOES_ON;
    MPI_Allreduce(MPI_IN_PLACE, &reason, 1, MPI_INT, MPI_MAX, keeper->comm);
    return (enum reason)reason;
}

static struct kerf_checkpoint_about about_of(const struct kerf_keeper *keeper)
{
    const struct kerf_comparison *c = keeper->comparison;
    struct kerf_checkpoint_about about = {.scenario_text = c->scenario_text,
                                          .overrides = c->overrides,
                                          .scenario_resolved = c->scenario_resolved,
                                          .catalog_hash = c->catalog.hash,
                                          .folded = c->options.fold,
                                          .restarts = c->restarts};
    snprintf(about.version, sizeof about.version, "%s", keeper->options->version);
    snprintf(about.title, sizeof about.title, "%s", c->scenario.title);
    snprintf(about.scenario_path, sizeof about.scenario_path, "%s", c->scenario.file);
    snprintf(about.catalog, sizeof about.catalog, "%s", c->catalog.root);
    return about;
}

/* A failure ends the run only if it was to end anyhow. */
static enum kerf_status failed(const struct kerf_keeper *keeper, struct kerf_error *error)
{
    char message[KERF_ERROR_MESSAGE_BYTES];
    if (reason_to_stop(keeper) != GOES_ON) {
        struct kerf_error why = *error;
        return kerf_error_set(error, KERF_ERR_FAILURE, "stopped, but the state was not kept: %s; %s",
                              why.message, keeper->last);
    }
    snprintf(message, sizeof message, "%s; the run goes on; %s", error->message, keeper->last);
    if (keeper->rank == 0)
        keeper->options->warn(message);
    return KERF_OK;
}

enum kerf_status kerf_keeper_save(struct kerf_keeper *keeper, const struct kerf_engine *engine,
                                  struct kerf_error *error)
{
    struct kerf_checkpoint_about about = about_of(keeper);
    int asked = keeper->options->saves_asked();
    double start_s = MPI_Wtime();
    enum kerf_status status =
        kerf_checkpoint_write(keeper->comm, keeper->options->checkpoint, engine, &about, error);
    double end_s = MPI_Wtime();
    keeper->saves_answered = asked;
    keeper->next_s = end_s + keeper->options->every_s;
    if (status != KERF_OK)
        return failed(keeper, error);
    keeper->longest_s = fmax(keeper->longest_s, end_s - start_s);
    remember(keeper, keeper->options->checkpoint, &about);
    return KERF_OK;
}

enum kerf_status kerf_keeper_load(struct kerf_keeper *keeper, struct kerf_engine *engine,
                                  struct kerf_error *error)
{
    enum kerf_status status = kerf_checkpoint_restore(keeper->restart, engine, error);
    kerf_checkpoint_close(keeper->restart);
    keeper->restart = NULL;
    return status;
}

enum kerf_status kerf_keeper_stopped(const struct kerf_keeper *keeper, const char *output,
                                     struct kerf_error *error)
{
    const char *file = keeper->options->checkpoint;
    if (!file)
        return kerf_error_set(error, KERF_ERR_FAILURE, "interrupted; nothing was written");
    enum reason reason = reason_to_stop(keeper);
    return kerf_error_set(error, KERF_STOPPED,
                          "stopped %s; %s; go on with: kerf run --restart %s --checkpoint %s%s%s",
                          reason == SIGNAL ? "by a signal" : "before the time limit", keeper->last, file,
                          file, output ? " -o " : "", output ? output : "");
}
