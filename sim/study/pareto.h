/* Pareto sets: the points that no other point beats in two goods at once. */
#ifndef KERF_STUDY_PARETO_H
#define KERF_STUDY_PARETO_H

#include <stdbool.h>

/* Marks the points with the most of x and y: no other point has as much of both and more of one. A point with
 * a NAN, or with skips[i] (which may be NULL), is never marked and beats nobody. Equal points are marked
 * alike. */
void kerf_pareto_mark(const double *x, const double *y, const bool *skips, int points, bool *marked);

/* Who has the most y at x or more: over all x up to `to` (and beyond the piece before) it is `owner`. */
struct kerf_pareto_piece {
    double to;
    int owner;
};

/* Cuts the Pareto set of points with owners into pieces of one owner each, with rising `to`; returns their
 * number, at most `points`. Where points of several owners are equal, the first in order stands for all. */
int kerf_pareto_pieces(const double *x, const double *y, const bool *skips, const int *owner, int points,
                       struct kerf_pareto_piece *piece);

#endif
