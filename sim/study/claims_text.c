/* The study room: claims as text. */
#include "sim/study/claims_text.h"

#include "sim/io/csv_table.h"

#include <math.h>
#include <string.h>

enum { CELL_BYTES = 64, LINE_BYTES = 512, TITLE_WIDTH = 58 };

static void format_number(double value, char cell[CELL_BYTES])
{
    double size = fabs(value);
    bool plain = size >= 100.0 && size < 1e5;
    snprintf(cell, CELL_BYTES, plain ? "%.0f" : "%.3g", value);
}

static void format_figure(const struct kerf_statement_check *check, char cell[LINE_BYTES])
{
    static const char *const words[] = {
        [KERF_TEST_AT_LEAST] = "at least", [KERF_TEST_AT_MOST] = "at most", [KERF_TEST_ABOUT] = "about"};
    char number[CELL_BYTES], slack[CELL_BYTES] = "";
    format_number(check->figure / check->factor, number);
    if (check->test == KERF_TEST_ABOUT)
        snprintf(slack, sizeof slack, " (within %.0f %%)", 100.0 * check->within);
    snprintf(cell, LINE_BYTES, "%s %s%s%s%s", words[check->test], number, strcmp(check->unit, "1") ? " " : "",
             strcmp(check->unit, "1") ? check->unit : "", slack);
}

static void format_interval(const struct kerf_claim_result *result, const struct kerf_statement_check *check,
                            char cell[LINE_BYTES])
{
    char middle[CELL_BYTES], low[CELL_BYTES], high[CELL_BYTES];
    format_number(result->median / check->factor, middle);
    format_number(result->low / check->factor, low);
    format_number(result->high / check->factor, high);
    if (result->low == result->high)
        snprintf(cell, LINE_BYTES, "%s", middle);
    else
        snprintf(cell, LINE_BYTES, "%s [%s .. %s]", middle, low, high);
}

static void format_leaves(const struct kerf_claim_result *result, char text[LINE_BYTES])
{
    size_t length = 0;
    text[0] = '\0';
    for (int i = 0; i < KERF_CLAIM_LEAVES_SHOWN && result->leaf[i].share != 0.0; i++)
        length += (size_t)snprintf(text + length, LINE_BYTES - length, "%s%s %.0f %% (%c)", i ? "; " : "",
                                   result->leaf[i].name, 100.0 * fabs(result->leaf[i].share),
                                   result->leaf[i].share > 0.0 ? '+' : '-');
}

void kerf_flip_text(const struct kerf_statement_flip *flip, const struct kerf_flip *found, char *text,
                    size_t bytes)
{
    char from[CELL_BYTES], to[CELL_BYTES], below[CELL_BYTES], above[CELL_BYTES];
    format_number(flip->from / flip->factor, from);
    format_number(flip->to / flip->factor, to);
    format_number(found->below / flip->factor, below);
    format_number(found->above / flip->factor, above);
    text[0] = '\0';
    if (found->outcome == KERF_FLIP_NEVER_HOLDS)
        snprintf(text, bytes, "fails from %s to %s %s", from, to, flip->name);
    else if (found->outcome == KERF_FLIP_ALWAYS_HOLDS)
        snprintf(text, bytes, "holds from %s to %s %s", from, to, flip->name);
    else if (found->outcome == KERF_FLIP_TURNS && found->holds_below)
        snprintf(text, bytes, "holds up to %s %s, %s at %s", below, flip->name,
                 found->fits_above ? "fails" : "does not fit", above);
    else if (found->outcome == KERF_FLIP_TURNS)
        snprintf(text, bytes, "fails up to %s %s, holds at %s", below, flip->name, above);
}

static void print_check(FILE *out, const struct kerf_claims *claims, const struct kerf_claim_result *result)
{
    const struct kerf_statement_check *check = &claims->statement[result->statement].check[result->check];
    char figure[LINE_BYTES], interval[LINE_BYTES], leaves[LINE_BYTES], flip[LINE_BYTES];
    format_figure(check, figure);
    format_interval(result, check, interval);
    format_leaves(result, leaves);
    kerf_flip_text(&check->flip, &result->flip, flip, sizeof flip);
    fprintf(out, "    %-*s %-34s %-28s %3.0f %%\n", TITLE_WIDTH, check->title, figure, interval,
            100.0 * result->probability);
    if (leaves[0])
        fprintf(out, "      goes with %s\n", leaves);
    if (flip[0])
        fprintf(out, "      turns: %s\n", flip);
}

void kerf_claims_print(FILE *out, const struct kerf_claims *claims)
{
    fprintf(
        out,
        "%d claims, %d checks; %d members, draws of seed %llu; predicted: median [80 %% interval]; holds: "
        "share of the draws\n\n    %-*s %-34s %-28s holds\n",
        claims->statements, claims->results, claims->members, (unsigned long long)claims->seed, TITLE_WIDTH,
        "check", "published", "predicted");
    for (int s = 0, r = 0; s < claims->statements; s++) {
        const struct kerf_statement *statement = &claims->statement[s];
        fprintf(out, "\n%-3s %s (%s; that it was said: confidence %s)\n", statement->id, statement->title,
                statement->date, statement->confidence);
        if (statement->untested[0])
            fprintf(out, "    not %s: %s\n", statement->testable ? "computed" : "testable",
                    statement->untested);
        if (statement->checks > 0 && claims->result[r].fits < claims->members)
            fprintf(out, "    %d of %d draws do not fit into the machines and are left out\n",
                    claims->members - claims->result[r].fits, claims->members);
        for (; r < claims->results && claims->result[r].statement == s; r++)
            print_check(out, claims, &claims->result[r]);
    }
}

static void write_number(FILE *out, double value, bool last)
{
    char cell[CELL_BYTES];
    snprintf(cell, sizeof cell, "%.9g", value);
    kerf_csv_write(out, cell, last);
}

void kerf_claims_write_csv(FILE *out, const void *content)
{
    const struct kerf_claims *claims = content;
    fprintf(out,
            "id,title,check,test,published,unit,within,nominal,median,low_10,high_90,probability,members,"
            "fits,goes_with,turns,source,untested\n");
    for (int s = 0, r = 0; s < claims->statements; s++) {
        const struct kerf_statement *statement = &claims->statement[s];
        if (statement->checks == 0) {
            const char *const cells[] = {
                statement->id, statement->title, "", "", "", "", "", "", "", "", "", "", "", "", "", ""};
            for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
                kerf_csv_write(out, cells[i], false);
            kerf_csv_write(out, statement->source, false);
            kerf_csv_write(out, statement->untested, true);
        }
        for (; r < claims->results && claims->result[r].statement == s; r++) {
            const struct kerf_claim_result *result = &claims->result[r];
            const struct kerf_statement_check *check = &statement->check[result->check];
            char leaves[LINE_BYTES], flip[LINE_BYTES];
            const double numbers[] = {check->within,
                                      result->nominal / check->factor,
                                      result->median / check->factor,
                                      result->low / check->factor,
                                      result->high / check->factor,
                                      result->probability,
                                      claims->members,
                                      result->fits};
            kerf_csv_write(out, statement->id, false);
            kerf_csv_write(out, statement->title, false);
            kerf_csv_write(out, check->title, false);
            kerf_csv_write(out, kerf_statement_test_names[check->test], false);
            write_number(out, check->figure / check->factor, false);
            kerf_csv_write(out, check->unit, false);
            for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
                write_number(out, numbers[i], false);
            format_leaves(result, leaves);
            kerf_flip_text(&check->flip, &result->flip, flip, sizeof flip);
            kerf_csv_write(out, leaves, false);
            kerf_csv_write(out, flip, false);
            kerf_csv_write(out, statement->source, false);
            kerf_csv_write(out, "", true);
        }
    }
}
