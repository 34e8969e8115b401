/* A sweep: one scenario at many values of some of its keys. A point is one system at one combination of the
 * values that concern it. Points are spread over groups of ranks and come out the same for any number of
 * ranks. */
#ifndef KERF_STUDY_SWEEP_H
#define KERF_STUDY_SWEEP_H

#include "sim/io/sweep_section.h"
#include "sim/study/compare.h"

struct kerf_sweep_options {
    int ranks_per_point;
    int part, parts;           /* simulate points part, part + parts, ... only; 0, 1: all */
    const char *kept;          /* file of finished points to go on from and to add to; NULL: none */
    const char *const *joined; /* files whose points are taken besides */
    int joins;
    bool only_joins;                    /* simulate nothing */
    double every_s;                     /* between two writes of `kept` */
    bool (*stop_asked)(void);           /* may be NULL */
    void (*progress)(int done, int of); /* on rank 0, may be NULL */
};

enum kerf_sweep_state { KERF_SWEEP_OPEN, KERF_SWEEP_DONE, KERF_SWEEP_REFUSED };

enum { KERF_SWEEP_REASON_BYTES = 256 };

struct kerf_sweep_point {
    int system;
    int value[KERF_SWEEP_AXES_MAX]; /* index on each axis; -1: the axis does not concern the system */
};

/* What a point came to; followed by columns x figures doubles. All zero while it is open. */
struct kerf_sweep_row {
    double state;                         /* enum kerf_sweep_state */
    char reason[KERF_SWEEP_REASON_BYTES]; /* why it was refused */
};

struct kerf_sweep {
    struct kerf_scenario scenario;           /* at the first value of every axis */
    char *scenario_text, *scenario_resolved; /* owned; the latter with the section, ranges as lists */
    struct kerf_sweep_section section;
    struct kerf_sweep_point *point; /* owned: system by system, the last axis fastest */
    char *row;                      /* owned: points x row_bytes */
    size_t row_bytes;
    int points, columns, figures; /* figures: scalar rows of kerf_summary_fields */
    int nominal;                  /* index of the nominal column */
    int part, parts;
    bool stopped;  /* by a signal, before all its points were done */
    int simulated; /* points that this run simulated */
    double wall_s;
};

/* Reads the section, tries every value of every key on the scenario, and lays the points out; simulates
 * nothing. What the scenario reader refuses is refused here. Collective. Free with kerf_sweep_free, also
 * after a failure. */
enum kerf_status kerf_sweep_open(MPI_Comm comm, const struct kerf_scenario_source *source,
                                 struct kerf_sweep *sweep, struct kerf_error *error);

/* Simulates what is open. A point that cannot be planned or does not come to an end is refused with the
 * reason, and the others go on; a sweep without a single point done fails. Collective; every rank has all
 * rows at the end. */
enum kerf_status kerf_sweep_run(MPI_Comm comm, const struct kerf_scenario_source *source,
                                const char *const *catalogs, const struct kerf_sweep_options *options,
                                struct kerf_sweep *sweep, struct kerf_error *error);
void kerf_sweep_free(struct kerf_sweep *sweep);

struct kerf_sweep_row *kerf_sweep_row(const struct kerf_sweep *sweep, int point);
double *kerf_sweep_figures(const struct kerf_sweep *sweep, int point,
                           int column); /* of kerf_summary_fields */

/* "users=8 count=40": what sets a point apart, by the last words of the keys where these say enough. */
void kerf_sweep_point_text(const struct kerf_sweep *sweep, int point, char *text, size_t text_bytes);

/* Points in a state, of all parts. */
int kerf_sweep_count(const struct kerf_sweep *sweep, enum kerf_sweep_state state);

/* What a system yields for what it takes, beside the speed of one user: the second axis of a frontier. */
enum kerf_sweep_yield {
    KERF_YIELD_ACCELERATOR, /* output tokens per second and accelerator */
    KERF_YIELD_ENERGY,      /* output tokens per joule, = per second and watt, with the building */
    KERF_YIELD_COST,        /* output tokens per dollar of owning */
    KERF_YIELD_COUNT
};

struct kerf_sweep_yield_facts {
    const char *name, *units, *long_name, *pareto, *heading;
    double factor; /* from `units` to what is printed */
};
extern const struct kerf_sweep_yield_facts kerf_sweep_yields[KERF_YIELD_COUNT];

double kerf_sweep_yield_of(const struct kerf_sweep *sweep, int point, int column,
                           enum kerf_sweep_yield yield);
double kerf_sweep_speed_of(const struct kerf_sweep *sweep, int point, int column);

#endif
