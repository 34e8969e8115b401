/* Prints the table of closed forms against the cycle-driven mesh, as docs/model.md has it.
 *
 *     build/tests/microsim_table */
#include "cases.h"

#include <stdio.h>

int main(void)
{
    printf("| closed form | case | closed | simulated | difference |\n|---|---|---|---|---|\n");
    for (int i = 0; i < ms_case_count; i++) {
        const struct ms_case *one = &ms_cases[i];
        char text[96];
        int wrong;
        struct ms_outcome outcome = one->run(one, 2, &wrong);
        double closed = one->closed(one), cycles = (double)outcome.cycles;
        ms_case_describe(one, text, sizeof text);
        printf("| %s | %s | %.1f | %.0f | %+.1f%s |\n", one->form, text, closed, cycles, cycles - closed,
               outcome.deadlock ? " (deadlock)"
               : wrong          ? " (wrong result)"
                                : "");
        if (outcome.deadlock)
            fprintf(stderr, "%s\n", outcome.blocked);
    }
    return 0;
}
