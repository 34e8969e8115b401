/* The study room: the search for the regime in which a claim turns. */
#include "sim/study/claim_flip.h"

#include "sim/engine/agree.h"
#include "sim/study/claim_group.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    STEPS = 6,
    SETTINGS_MOST = 2 * KERF_STATEMENT_AXES + KERF_STATEMENT_DRAWS,
    SETTING_BYTES = 2 * KERF_STATEMENT_NAME_BYTES
};
static const double close_enough = 1.02; /* ratio of neighbours on an axis without whole numbers */

/* One search: the group of a single check, and the axis. */
struct search {
    struct kerf_claim_group group;
    const struct kerf_statement_flip *flip;
    double *leaf; /* the one that moves, or NULL: settings do */
};

/* What became of the check at a point. */
struct point {
    double at;
    bool holds, fits;
};

/* Puts the scenario to a point of the axis: settings over those of the claim. */
static enum kerf_status move_settings(struct search *s, double at, struct kerf_error *error)
{
    char text[KERF_STATEMENT_AXES][SETTING_BYTES];
    struct kerf_scenario_source source = s->group.source;
    for (int i = 0; i < s->flip->keys; i++) {
        snprintf(text[i], sizeof text[i], "%s=%.17g", s->flip->key[i], at);
        s->group.set[source.sets++] = text[i];
    }
    if (s->group.experiment.kind->configure(&s->group.experiment, &source, error) != KERF_OK)
        return kerf_error_prefix(error, "%s: flip: ", s->flip->where);
    return KERF_OK;
}

static enum kerf_status look(struct search *s, double at, struct point *point, struct kerf_error *error)
{
    *point = (struct point){.at = at, .fits = true};
    if (s->leaf)
        *s->leaf = at;
    else
        KERF_TRY(move_settings(s, at, error));
    enum kerf_status status =
        s->group.has_experiment ? s->group.experiment.kind->work(&s->group.experiment, error) : KERF_OK;
    point->fits = status == KERF_OK;
    point->holds =
        point->fits && kerf_statement_holds(s->group.formula[0].check, kerf_claim_group_value(&s->group, 0));
    return status == KERF_ERR_USAGE ? KERF_OK : status;
}

static double between(const struct kerf_statement_flip *flip, double low, double high, double share)
{
    double at = low * pow(high / low, share);
    return flip->whole ? round(at) : at;
}

static bool are_neighbours(const struct kerf_statement_flip *flip, double low, double high)
{
    return flip->whole ? high - low <= 1.0 : high / low < close_enough;
}

static bool differ(const struct point *a, const struct point *b)
{
    return a->holds != b->holds || a->fits != b->fits;
}

static enum kerf_status narrow(struct search *s, struct point low, struct point high, struct kerf_flip *found,
                               struct kerf_error *error)
{
    while (!are_neighbours(s->flip, low.at, high.at)) {
        double at = between(s->flip, low.at, high.at, 0.5);
        at = fmin(fmax(at, s->flip->whole ? low.at + 1.0 : low.at), s->flip->whole ? high.at - 1.0 : high.at);
        struct point middle;
        KERF_TRY(look(s, at, &middle, error));
        *(differ(&low, &middle) ? &high : &low) = middle;
    }
    *found = (struct kerf_flip){.outcome = KERF_FLIP_TURNS,
                                .holds_below = low.holds,
                                .fits_above = high.fits,
                                .below = low.at,
                                .above = high.at};
    return KERF_OK;
}

static enum kerf_status search(struct search *s, struct kerf_flip *found, struct kerf_error *error)
{
    struct point first, last;
    KERF_TRY(look(s, s->flip->from, &first, error));
    last = first;
    for (int i = 1; i <= STEPS; i++) {
        struct point next;
        KERF_TRY(look(s, between(s->flip, s->flip->from, s->flip->to, (double)i / STEPS), &next, error));
        /* From where it does not fit to where it fits and fails is no turn of the claim. */
        if (differ(&last, &next) && (last.holds || next.holds))
            return narrow(s, last, next, found, error);
        last = next;
    }
    *found = (struct kerf_flip){.outcome = first.holds ? KERF_FLIP_ALWAYS_HOLDS : KERF_FLIP_NEVER_HOLDS};
    return KERF_OK;
}

/* Opens the check alone, at the start of its axis: there its other settings must be right too. */
static enum kerf_status open_and_search(const char *const *catalogs, const struct kerf_statement *statement,
                                        const struct kerf_statement_check *check, struct kerf_flip *found,
                                        struct kerf_error *error)
{
    char text[SETTINGS_MOST][SETTING_BYTES];
    const char *more[SETTINGS_MOST];
    int count = 0;
    struct search s = {.flip = &check->flip};
    const struct kerf_claim_item item = {statement, check};
    for (int i = 0; i < statement->draws; i++, count++) {
        snprintf(text[count], sizeof text[count], "%s=%.17g", statement->draw[i].key,
                 statement->draw[i].value);
        more[count] = text[count];
    }
    for (int i = 0; i < s.flip->sets; i++)
        more[count++] = s.flip->set[i];
    for (int i = 0; i < s.flip->keys; i++, count++) {
        snprintf(text[count], sizeof text[count], "%s=%.17g", s.flip->key[i], s.flip->from);
        more[count] = text[count];
    }
    enum kerf_status status =
        kerf_claim_group_open(MPI_COMM_SELF, catalogs, &item, 1, more, count, &s.group, error);
    if (status != KERF_OK)
        kerf_error_prefix(error, "%s: flip: ", s.flip->where);
    if (status == KERF_OK && s.flip->leaf[0]) {
        s.leaf = kerf_claim_group_leaf(&s.group, s.flip->leaf);
        if (!s.leaf)
            status = kerf_error_set(error, KERF_ERR_USAGE, "%s: flip: the claim has no leaf '%s'",
                                    s.flip->where, s.flip->leaf);
    }
    if (status == KERF_OK)
        status = search(&s, found, error);
    kerf_claim_group_free(&s.group);
    return status;
}

/* The ranks that did not search have zeros, so that sums are what the one that did has. */
static void share(MPI_Comm comm, struct kerf_flip *flip)
{
    double number[] = {flip->outcome, flip->holds_below, flip->fits_above, flip->below, flip->above};
    MPI_Allreduce(MPI_IN_PLACE, number, sizeof number / sizeof number[0], MPI_DOUBLE, MPI_SUM, comm);
    *flip = (struct kerf_flip){.outcome = (enum kerf_flip_outcome)number[0],
                               .holds_below = number[1] > 0.0,
                               .fits_above = number[2] > 0.0,
                               .below = number[3],
                               .above = number[4]};
}

enum kerf_status kerf_claim_flips(MPI_Comm comm, const char *const *catalogs,
                                  const struct kerf_claims_options *options, struct kerf_claims *claims,
                                  struct kerf_error *error)
{
    int rank, ranks, searches = 0;
    enum kerf_status status = KERF_OK;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    for (int i = 0; i < claims->results && status == KERF_OK; i++) {
        struct kerf_claim_result *result = &claims->result[i];
        const struct kerf_statement *statement = &claims->statement[result->statement];
        const struct kerf_statement_check *check = &statement->check[result->check];
        if (!check->flip.given || searches++ % ranks != rank)
            continue;
        if (options->progress && rank == 0)
            options->progress("turns", i, claims->results);
        status = open_and_search(catalogs, statement, check, &result->flip, error);
    }
    KERF_TRY(kerf_error_agree(comm, status, error));
    for (int i = 0; i < claims->results; i++)
        share(comm, &claims->result[i].flip);
    return KERF_OK;
}
