/* What the cycle-driven mesh runs and the closed form that it is held against. */
#ifndef KERF_MICROSIM_CASES_H
#define KERF_MICROSIM_CASES_H

#include "mesh.h"

struct ms_case {
    const char *form;               /* the closed form, as docs/model.md writes it */
    int P, Q;                       /* PEs: a line of P, or rows and columns */
    int B;                          /* wavelets per PE; 0 for matrices */
    int groups;                     /* S or G */
    int M, K, N;                    /* matrices */
    bool by_tokens, two_phase;      /* gemv */
    int vector;                     /* meshgemm: elements a cycle, with one cycle a call; 0: WSE-2's */
    double most_cycles, most_share; /* allowed difference: cycles, and of the closed form */
    struct ms_outcome (*run)(const struct ms_case *one, int fifo_depth, int *wrong);
    double (*closed)(const struct ms_case *one);
};

extern const struct ms_case ms_cases[];
extern const int ms_case_count;

/* "P 64, B 16, groups 8" */
void ms_case_describe(const struct ms_case *one, char *text, int length);

#endif
