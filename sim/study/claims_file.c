/* The study room: tested claims in HDF5. */
#include "sim/study/claims_file.h"

#include "sim/io/part_file.h"
#include "sim/io/result_columns.h"
#include "sim/study/claims_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYOUT_VERSION = 1 };

static struct kerf_part_file part_of(MPI_Comm comm, const char *path)
{
    return (struct kerf_part_file){.comm = comm, .what = "output", .example = "claims.h5", .path = path};
}

enum kerf_status kerf_claims_reserve(MPI_Comm comm, const char *path, struct kerf_error *error)
{
    const struct kerf_part_file part = part_of(comm, path);
    return kerf_part_reserve(&part, error);
}

void kerf_claims_discard(MPI_Comm comm, const char *path)
{
    const struct kerf_part_file part = part_of(comm, path);
    kerf_part_discard(&part);
}

/* Texts of a statement, by place in it. */
static const struct {
    const char *name, *long_name;
    size_t offset;
} statement_texts[] = {
    {"id", "id of the claim", offsetof(struct kerf_statement, id)},
    {"title", "what it is about", offsetof(struct kerf_statement, title)},
    {"statement", "what was said, in other words", offsetof(struct kerf_statement, statement)},
    {"source", "who said so", offsetof(struct kerf_statement, source)},
    {"date", "when", offsetof(struct kerf_statement, date)},
    {"confidence", "that it was said", offsetof(struct kerf_statement, confidence)},
    {"conditions", "under which conditions", offsetof(struct kerf_statement, conditions)},
    {"untested", "why it is not tested, or empty", offsetof(struct kerf_statement, untested)},
};

enum { TEXT_BYTES = 512 };

/* `count` texts, `stride` bytes apart, as a column; rank 0 writes it. */
static enum kerf_status write_texts(const struct kerf_result_writer *w, const char *name,
                                    const char *long_name, const char *scale, const void *first,
                                    size_t stride, size_t count, struct kerf_error *error)
{
    char(*cell)[TEXT_BYTES] = calloc(count + 1, sizeof *cell);
    KERF_CHECK(cell, KERF_ERR_FAILURE, "out of memory for %s", name);
    for (size_t i = 0; i < count; i++)
        snprintf(cell[i], sizeof cell[i], "%s", (const char *)first + i * stride);
    const struct kerf_table_column column = {.name = name,
                                             .units = "1",
                                             .long_name = long_name,
                                             .type = KERF_COLUMN_TEXT,
                                             .text_bytes = TEXT_BYTES,
                                             .scale = {scale}};
    enum kerf_status status = kerf_write_known(w, column, count, cell, error);
    free(cell);
    return status;
}

static enum kerf_status write_statements(const struct kerf_result_writer *w, const struct kerf_claims *claims,
                                         struct kerf_error *error)
{
    const size_t count = (size_t)claims->statements;
    KERF_TRY(kerf_write_row_numbers(w, "claim", "claim", count, error));
    for (size_t i = 0; i < sizeof statement_texts / sizeof statement_texts[0]; i++)
        KERF_TRY(write_texts(w, statement_texts[i].name, statement_texts[i].long_name, "claim",
                             (const char *)claims->statement + statement_texts[i].offset,
                             sizeof *claims->statement, count, error));
    return KERF_OK;
}

static const struct kerf_statement_check *check_of(const struct kerf_claims *claims, int result)
{
    return &claims->statement[claims->result[result].statement].check[claims->result[result].check];
}

/* The texts of a check, one after the other. */
static void check_text(const struct kerf_claims *claims, int result, int which, char text[TEXT_BYTES])
{
    const struct kerf_claim_result *r = &claims->result[result];
    const struct kerf_statement_check *check = check_of(claims, result);
    switch (which) {
    case 0:
        snprintf(text, TEXT_BYTES, "%s", claims->statement[r->statement].id);
        break;
    case 1:
        snprintf(text, TEXT_BYTES, "%s", check->title);
        break;
    case 2:
        snprintf(text, TEXT_BYTES, "%s", kerf_statement_test_names[check->test]);
        break;
    case 3:
        snprintf(text, TEXT_BYTES, "%s", check->unit);
        break;
    default:
        kerf_flip_text(&check->flip, &r->flip, text, TEXT_BYTES);
    }
}

static enum kerf_status write_check_texts(const struct kerf_result_writer *w,
                                          const struct kerf_claims *claims, struct kerf_error *error)
{
    static const char *const texts[][2] = {{"id", "id of the claim"},
                                           {"title", "what is compared"},
                                           {"test", "what makes the figure right"},
                                           {"unit", "unit of the figures"},
                                           {"turns", "where the outcome changes, all leaves nominal"}};
    char(*text)[TEXT_BYTES] = calloc((size_t)claims->results + 1, sizeof *text);
    enum kerf_status status =
        text ? KERF_OK : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for claims");
    for (size_t t = 0; t < sizeof texts / sizeof texts[0] && status == KERF_OK; t++) {
        for (int r = 0; r < claims->results; r++)
            check_text(claims, r, (int)t, text[r]);
        status = write_texts(w, texts[t][0], texts[t][1], "check", text, sizeof *text,
                             (size_t)claims->results, error);
    }
    free(text);
    return status;
}

/* Numbers of a result; with `scaled` in the unit of the figure. */
static const struct {
    const char *name, *long_name;
    size_t offset;
    bool scaled;
} numbers[] = {
    {"nominal", "every leaf nominal", offsetof(struct kerf_claim_result, nominal), true},
    {"median", "median of the draws", offsetof(struct kerf_claim_result, median), true},
    {"low", "10 % of the draws are below", offsetof(struct kerf_claim_result, low), true},
    {"high", "10 % of the draws are above", offsetof(struct kerf_claim_result, high), true},
    {"probability", "share of the draws in which the claim holds",
     offsetof(struct kerf_claim_result, probability), false},
};

static enum kerf_status write_number(const struct kerf_result_writer *w, const char *name,
                                     const char *long_name, size_t count, const double *number,
                                     struct kerf_error *error)
{
    const struct kerf_table_column column = {.name = name,
                                             .units = "see unit",
                                             .long_name = long_name,
                                             .type = KERF_COLUMN_F64,
                                             .scale = {"check"}};
    return kerf_write_known(w, column, count, number, error);
}

static enum kerf_status write_check_numbers(const struct kerf_result_writer *w,
                                            const struct kerf_claims *claims, double *number,
                                            struct kerf_error *error)
{
    const size_t count = (size_t)claims->results, members = (size_t)claims->members;
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
        for (size_t r = 0; r < count; r++) {
            memcpy(&number[r], (const char *)&claims->result[r] + numbers[k].offset, sizeof *number);
            number[r] /= numbers[k].scaled ? check_of(claims, (int)r)->factor : 1.0;
        }
        KERF_TRY(write_number(w, numbers[k].name, numbers[k].long_name, count, number, error));
    }
    for (size_t r = 0; r < count; r++)
        number[r] = check_of(claims, (int)r)->figure / check_of(claims, (int)r)->factor;
    KERF_TRY(write_number(w, "published", "published figure", count, number, error));
    for (size_t r = 0; r < count; r++)
        for (size_t m = 0; m < members; m++)
            number[r * members + m] = claims->result[r].value[m] / check_of(claims, (int)r)->factor;
    const struct kerf_table_column drawn = {.name = "value",
                                            .units = "see unit",
                                            .long_name = "of every draw; NaN where it does not fit",
                                            .type = KERF_COLUMN_F64,
                                            .width = {members},
                                            .scale = {"check", "member"}};
    return kerf_write_known(w, drawn, count, number, error);
}

static enum kerf_status write_checks(const struct kerf_result_writer *w, const struct kerf_claims *claims,
                                     struct kerf_error *error)
{
    KERF_TRY(kerf_write_row_numbers(w, "check", "check", (hsize_t)claims->results, error));
    KERF_TRY(kerf_write_row_numbers(w, "member", "draw", (hsize_t)claims->members, error));
    KERF_TRY(write_check_texts(w, claims, error));
    double *number = calloc((size_t)claims->results * (size_t)claims->members + 1, sizeof *number);
    enum kerf_status status = number ? write_check_numbers(w, claims, number, error)
                                     : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for claims");
    free(number);
    return status;
}

static enum kerf_status write_all(MPI_Comm comm, hid_t file, const struct kerf_claims *claims,
                                  struct kerf_error *error)
{
    static const struct {
        const char *name;
        enum kerf_status (*write)(const struct kerf_result_writer *w, const struct kerf_claims *claims,
                                  struct kerf_error *error);
    } groups[] = {{"claims", write_statements}, {"checks", write_checks}};
    KERF_TRY(kerf_attribute_text(file, "content", "claims", error));
    KERF_TRY(kerf_attribute_integer(file, "layout_version", LAYOUT_VERSION, error));
    KERF_TRY(kerf_attribute_integer(file, "draw_seed", (long long)claims->seed, error));
    KERF_TRY(kerf_attribute_integer(file, "members", claims->members, error));
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (i > 0 && claims->results == 0)
            break;
        struct kerf_result_writer w = {.comm = comm};
        w.group = H5Gcreate2(file, groups[i].name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        KERF_CHECK(w.group >= 0, KERF_ERR_FAILURE, "cannot make group %s", groups[i].name);
        enum kerf_status status = groups[i].write(&w, claims, error);
        H5Gclose(w.group);
        KERF_TRY(status);
    }
    return KERF_OK;
}

enum kerf_status kerf_claims_write(MPI_Comm comm, const char *path, const struct kerf_claims *claims,
                                   struct kerf_error *error)
{
    enum { DESCRIPTIONS = 1 << 20 };
    const struct kerf_part_file part = part_of(comm, path);
    long long bytes = DESCRIPTIONS + (long long)sizeof(struct kerf_statement) * claims->statements +
                      8LL * claims->results * (claims->members + 300);
    hid_t file;
    enum kerf_status status = kerf_part_create(&part, bytes, 0, &file, error);
    if (status == KERF_OK)
        status = kerf_part_close(&part, file, write_all(comm, file, claims, error), error);
    if (status == KERF_OK)
        status = kerf_part_publish(&part, false, error);
    if (status != KERF_OK)
        kerf_part_discard(&part);
    return status;
}
