/* Lines of tables of training scenarios: a figure in every column that is shown. */
#ifndef KERF_STUDY_TRAINING_LINES_H
#define KERF_STUDY_TRAINING_LINES_H

#include "sim/study/training_study.h"

/* One figure of an outcome, in the unit of its row. */
struct kerf_training_line {
    const char *name, *unit;
    double scale;
    double (*of)(const struct kerf_training_outcome *outcome);
};

/* The columns that are shown: all, or the nominal one. */
struct kerf_shown_columns {
    int first, end;
};
struct kerf_shown_columns kerf_training_shown(const struct kerf_training_study *study);

/* Prints lines; what is not known as "-". */
void kerf_training_lines_print(FILE *out, const struct kerf_training_line *lines, size_t count,
                               const struct kerf_training_case *one, struct kerf_shown_columns shown);

/* Failures, goodput and what the budget of tokens takes (training_course_text.c); nothing where neither was
 * asked for. */
void kerf_training_course_print(FILE *out, const struct kerf_training_study *study, int system);

#endif
