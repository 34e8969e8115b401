/* The study room: Pareto sets. */
#include "sim/study/pareto.h"

#include <math.h>
#include <stdlib.h>

static bool takes_part(const double *x, const double *y, const bool *skips, int i)
{
    return !isnan(x[i]) && !isnan(y[i]) && !(skips && skips[i]);
}

/* Some thousands of points at most: every pair is looked at. */
void kerf_pareto_mark(const double *x, const double *y, const bool *skips, int points, bool *marked)
{
    for (int i = 0; i < points; i++) {
        marked[i] = takes_part(x, y, skips, i);
        for (int k = 0; k < points && marked[i]; k++)
            if (takes_part(x, y, skips, k) && x[k] >= x[i] && y[k] >= y[i] && (x[k] > x[i] || y[k] > y[i]))
                marked[i] = false;
    }
}

/* The marked point with the least x above `above`; -1: none. */
static int next_marked(const double *x, const bool *marked, int points, double above)
{
    int next = -1;
    for (int i = 0; i < points; i++)
        if (marked[i] && x[i] > above && (next < 0 || x[i] < x[next]))
            next = i;
    return next;
}

int kerf_pareto_pieces(const double *x, const double *y, const bool *skips, const int *owner, int points,
                       struct kerf_pareto_piece *piece)
{
    bool *marked = calloc((size_t)points + 1, sizeof *marked);
    int pieces = 0;
    if (!marked)
        return 0;
    kerf_pareto_mark(x, y, skips, points, marked);
    double above = -INFINITY;
    for (int i; (i = next_marked(x, marked, points, above)) >= 0; above = x[i]) {
        if (pieces == 0 || piece[pieces - 1].owner != owner[i])
            piece[pieces++].owner = owner[i];
        piece[pieces - 1].to = x[i];
    }
    free(marked);
    return pieces;
}
