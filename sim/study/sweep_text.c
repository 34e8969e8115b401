/* The study room: sweeps as text. */
#include "sim/study/sweep_text.h"

#include "sim/study/pareto.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 256, CELL_BYTES = 32 };

/* The nominal figures that the text is about. */
struct figures {
    double *speed, *yield[KERF_YIELD_COUNT];
    bool *marked[KERF_YIELD_COUNT], *own[KERF_YIELD_COUNT]; /* own: among points of its system */
    bool *skips, *of_system;
    int *owner;
    struct kerf_pareto_piece *piece;
};

static void free_figures(struct figures *f)
{
    free(f->speed);
    free(f->skips);
    free(f->of_system);
    free(f->owner);
    free(f->piece);
    for (int k = 0; k < KERF_YIELD_COUNT; k++) {
        free(f->yield[k]);
        free(f->marked[k]);
        free(f->own[k]);
    }
}

static bool make_figures(const struct kerf_sweep *sweep, struct figures *f)
{
    size_t points = (size_t)sweep->points;
    *f = (struct figures){.speed = calloc(points, sizeof *f->speed),
                          .skips = calloc(points, sizeof *f->skips),
                          .of_system = calloc(points, sizeof *f->of_system),
                          .owner = calloc(points, sizeof *f->owner),
                          .piece = calloc(points, sizeof *f->piece)};
    bool room = f->speed && f->skips && f->of_system && f->owner && f->piece;
    for (int k = 0; k < KERF_YIELD_COUNT; k++) {
        f->yield[k] = calloc(points, sizeof *f->yield[k]);
        f->marked[k] = calloc(points, sizeof *f->marked[k]);
        f->own[k] = calloc(points, sizeof *f->own[k]);
        room = room && f->yield[k] && f->marked[k] && f->own[k];
    }
    return room;
}

/* Pareto sets of all points, and of each system's points alone. */
static void work_out(const struct kerf_sweep *sweep, struct figures *f)
{
    for (int p = 0; p < sweep->points; p++) {
        f->owner[p] = sweep->point[p].system;
        f->speed[p] = kerf_sweep_speed_of(sweep, p, sweep->nominal);
    }
    for (int k = 0; k < KERF_YIELD_COUNT; k++) {
        for (int p = 0; p < sweep->points; p++)
            f->yield[k][p] = kerf_sweep_yield_of(sweep, p, sweep->nominal, (enum kerf_sweep_yield)k);
        kerf_pareto_mark(f->speed, f->yield[k], NULL, sweep->points, f->marked[k]);
        for (int system = 0; system < sweep->scenario.systems; system++) {
            for (int p = 0; p < sweep->points; p++)
                f->skips[p] = f->owner[p] != system;
            kerf_pareto_mark(f->speed, f->yield[k], f->skips, sweep->points, f->of_system);
            for (int p = 0; p < sweep->points; p++)
                if (f->of_system[p])
                    f->own[k][p] = true;
        }
    }
}

static void format_number(double value, char cell[CELL_BYTES])
{
    if (isnan(value) || isinf(value))
        snprintf(cell, CELL_BYTES, "-");
    else
        snprintf(cell, CELL_BYTES, fabs(value) >= 100.0 ? "%.0f" : "%.3g", value);
}

static bool is_shown(const struct kerf_sweep *sweep, const struct figures *f, int point, bool all)
{
    bool shown = all;
    for (int k = 0; k < KERF_YIELD_COUNT; k++)
        shown = shown || f->own[k][point];
    return shown && kerf_sweep_row(sweep, point)->state == KERF_SWEEP_DONE;
}

/* As wide as the longest setting that is shown. */
static int setting_width(const struct kerf_sweep *sweep, const struct figures *f, bool all)
{
    int width = 10;
    for (int p = 0; p < sweep->points; p++) {
        char text[TEXT_BYTES];
        kerf_sweep_point_text(sweep, p, text, sizeof text);
        if (is_shown(sweep, f, p, all) && (int)strlen(text) > width)
            width = (int)strlen(text);
    }
    return width;
}

static void print_point(FILE *out, const struct kerf_sweep *sweep, const struct figures *f, int point,
                        int width)
{
    char text[TEXT_BYTES], cell[CELL_BYTES];
    double ttft_s = kerf_sweep_figures(sweep, point, sweep->nominal)[kerf_summary_scalar_named("ttft")];
    kerf_sweep_point_text(sweep, point, text, sizeof text);
    format_number(ttft_s, cell);
    fprintf(out, "  %-*s  %9s s", width, text, cell);
    format_number(f->speed[point], cell);
    fprintf(out, "  %17s", cell);
    for (int k = 0; k < KERF_YIELD_COUNT; k++) {
        format_number(kerf_sweep_yields[k].factor * f->yield[k][point], cell);
        fprintf(out, "  %*s%s", (int)strlen(kerf_sweep_yields[k].heading), cell,
                f->marked[k][point] ? " *" : "  ");
    }
    fprintf(out, "\n");
}

static void print_points(FILE *out, const struct kerf_sweep *sweep, const struct figures *f, bool all)
{
    int width = setting_width(sweep, f, all);
    fprintf(out, "\n  %-*s  %11s  %17s", width, "", "first token", "tokens/s per user");
    for (int k = 0; k < KERF_YIELD_COUNT; k++)
        fprintf(out, "  %s  ", kerf_sweep_yields[k].heading);
    fprintf(out, "\n");
    for (int system = 0; system < sweep->scenario.systems; system++) {
        fprintf(out, "%s\n", sweep->scenario.system[system].title);
        for (int p = 0; p < sweep->points; p++)
            if (sweep->point[p].system == system && is_shown(sweep, f, p, all))
                print_point(out, sweep, f, p, width);
    }
}

/* Systems that leaders are looked for among: speculation is a choice of its own, and not everybody has it. */
static const struct {
    const char *heading;
    bool with, without; /* a drafter */
} fields[] = {{"all systems", true, true},
              {"systems without speculation", false, true},
              {"systems with speculation", true, false}};

static bool speculates(const struct kerf_sweep *sweep, int system)
{
    return strcmp(sweep->scenario.system[system].drafter, "none") != 0;
}

/* Skips the points of systems that are not in the field; returns how many systems are. */
static int pick_field(const struct kerf_sweep *sweep, size_t field, struct figures *f)
{
    int systems = 0;
    for (int system = 0; system < sweep->scenario.systems; system++) {
        bool in = speculates(sweep, system) ? fields[field].with : fields[field].without;
        systems += in;
        for (int p = 0; p < sweep->points; p++)
            if (f->owner[p] == system)
                f->skips[p] = !in;
    }
    return systems;
}

/* Who has the most yield for users who want a speed at least, and where that changes. */
static void print_leaders(FILE *out, const struct kerf_sweep *sweep, struct figures *f)
{
    for (size_t field = 0; field < sizeof fields / sizeof fields[0]; field++) {
        int systems = pick_field(sweep, field, f);
        if (systems < 2 || (field > 0 && systems == sweep->scenario.systems))
            continue;
        fprintf(out, "\nWho has the most for users who want so many tokens/s, of %s:\n",
                fields[field].heading);
        for (int k = 0; k < KERF_YIELD_COUNT; k++) {
            int pieces =
                kerf_pareto_pieces(f->speed, f->yield[k], f->skips, f->owner, sweep->points, f->piece);
            for (int i = 0; i < pieces; i++) {
                char to[CELL_BYTES];
                format_number(f->piece[i].to, to);
                if (i == 0)
                    fprintf(out, "  %-25s ", kerf_sweep_yields[k].heading);
                fprintf(out, "%s up to %s%s", sweep->scenario.system[f->piece[i].owner].title, to,
                        i + 1 < pieces ? "; " : "\n");
            }
        }
    }
}

static void print_refused(FILE *out, const struct kerf_sweep *sweep)
{
    if (kerf_sweep_count(sweep, KERF_SWEEP_REFUSED) == 0)
        return;
    fprintf(out, "\nRefused:\n");
    for (int p = 0; p < sweep->points; p++) {
        char text[TEXT_BYTES];
        kerf_sweep_point_text(sweep, p, text, sizeof text);
        if (kerf_sweep_row(sweep, p)->state == KERF_SWEEP_REFUSED)
            fprintf(out, "  %s: %s: %s\n", sweep->scenario.system[sweep->point[p].system].title, text,
                    kerf_sweep_row(sweep, p)->reason);
    }
}

void kerf_sweep_print(FILE *out, const struct kerf_sweep *sweep, bool all)
{
    struct figures f;
    int open = kerf_sweep_count(sweep, KERF_SWEEP_OPEN);
    fprintf(out, "%s\nnetwork %s; %d points, %d simulated, %d refused",
            *sweep->scenario.title ? sweep->scenario.title : "(untitled)", sweep->scenario.network,
            sweep->points, kerf_sweep_count(sweep, KERF_SWEEP_DONE),
            kerf_sweep_count(sweep, KERF_SWEEP_REFUSED));
    if (open > 0)
        fprintf(out, ", %d of other parts", open);
    fprintf(out, "; *: no other point has as much of both (Pareto)%s\n",
            all ? "" : "\nShown: points that none of the same system beats; --rows shows all");
    if (make_figures(sweep, &f)) {
        work_out(sweep, &f);
        print_points(out, sweep, &f, all);
        print_leaders(out, sweep, &f);
    }
    free_figures(&f);
    print_refused(out, sweep);
}
