/* The io room: lines of request traces. Knows formats; not what is done with a trace. */
#include "sim/io/trace_format.h"

#include "sim/io/csv_line.h"
#include "sim/io/yaml.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const kerf_trace_format_names[] = {
    [KERF_TRACE_AZURE_2023] = "azure-2023",     [KERF_TRACE_AZURE_2024] = "azure-2024",
    [KERF_TRACE_BURSTGPT] = "burstgpt",         [KERF_TRACE_MOONCAKE] = "mooncake",
    [KERF_TRACE_MOONCAKE_CSV] = "mooncake-csv", [KERF_TRACE_FORMATS] = NULL};

static const uint32_t most_tokens = 100000000;
static const int64_t picoseconds = 1000000000000;

/* --- pieces of a line --- */

static enum kerf_status read_count(const char *text, const char *what, uint32_t *count,
                                   struct kerf_error *error)
{
    char *end;
    long long number = strtoll(text, &end, 10);
    KERF_CHECK(*text && *end == '\0' && number >= 0 && number <= most_tokens, KERF_ERR_USAGE,
               "%s: a whole number from 0 to %u is wanted (got '%s')", what, most_tokens, text);
    *count = (uint32_t)number;
    return KERF_OK;
}

static void split_time(double seconds, struct kerf_trace_line *line)
{
    line->second = (int64_t)floor(seconds);
    line->picosecond = (int64_t)llround((seconds - floor(seconds)) * (double)picoseconds);
}

static enum kerf_status read_seconds(const char *text, double unit_s, struct kerf_trace_line *line,
                                     struct kerf_error *error)
{
    char *end;
    double number = strtod(text, &end);
    KERF_CHECK(*text && *end == '\0' && isfinite(number) && number >= 0.0 && number < 1e15, KERF_ERR_USAGE,
               "time: a number from 0 on is wanted (got '%s')", text);
    split_time(number * unit_s, line);
    return KERF_OK;
}

/* Whole numbers of fixed places at *text, which moves behind them; false when there are none. */
static bool take_digits(const char **text, int places, int64_t *number)
{
    *number = 0;
    for (; places > 0; places--, (*text)++) {
        if (!isdigit((unsigned char)**text))
            return false;
        *number = 10 * *number + (**text - '0');
    }
    return true;
}

static bool take(const char **text, char wanted)
{
    bool there = **text == wanted;
    *text += there;
    return there;
}

/* Days from 1970-01-01 in the Gregorian calendar (E. M. Reingold and N. Dershowitz, Calendrical Calculations,
 * ch. 2): years begin in March, so that the leap day is their last. */
static int64_t days_before(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month > 2 ? year : year - 1, m = (month + 9) % 12;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* Up to twelve places after the point; more are cut. */
static void take_fraction(const char **text, int64_t *picosecond)
{
    int64_t unit = picoseconds;
    *picosecond = 0;
    for (; isdigit((unsigned char)**text); (*text)++) {
        unit /= 10;
        *picosecond += unit * (**text - '0');
    }
}

/* +HH:MM, Z or nothing. */
static bool take_zone(const char **text, int64_t *ahead_s)
{
    int64_t hours, minutes, sign = **text == '-' ? -1 : 1;
    *ahead_s = 0;
    if (take(text, 'Z') || **text == '\0')
        return true;
    if (!take(text, '+') && !take(text, '-'))
        return false;
    bool there = take_digits(text, 2, &hours) && (take(text, ':') || true) && take_digits(text, 2, &minutes);
    if (there)
        *ahead_s = sign * (3600 * hours + 60 * minutes);
    return there;
}

/* YYYY-MM-DD HH:MM:SS[.fraction][zone] */
static enum kerf_status read_date(const char *text, struct kerf_trace_line *line, struct kerf_error *error)
{
    const char *at = text;
    int64_t year, month, day, hour, minute, second, ahead_s;
    bool good = take_digits(&at, 4, &year) && take(&at, '-') && take_digits(&at, 2, &month) &&
                take(&at, '-') && take_digits(&at, 2, &day) && (take(&at, ' ') || take(&at, 'T')) &&
                take_digits(&at, 2, &hour) && take(&at, ':') && take_digits(&at, 2, &minute) &&
                take(&at, ':') && take_digits(&at, 2, &second);
    line->picosecond = 0;
    if (good && take(&at, '.'))
        take_fraction(&at, &line->picosecond);
    good = good && take_zone(&at, &ahead_s) && *at == '\0' && month >= 1 && month <= 12 && day >= 1 &&
           day <= 31 && hour < 24 && minute < 60 && second <= 60;
    KERF_CHECK(good, KERF_ERR_USAGE, "time: a date like 2023-11-16 18:17:03.9799600 is wanted (got '%s')",
               text);
    line->second = 86400 * days_before(year, month, day) + 3600 * hour + 60 * minute + second - ahead_s;
    return KERF_OK;
}

static enum kerf_status read_azure_time(const char *text, struct kerf_trace_line *line,
                                        struct kerf_error *error)
{
    return read_date(text, line, error);
}

static enum kerf_status read_burst_time(const char *text, struct kerf_trace_line *line,
                                        struct kerf_error *error)
{
    return read_seconds(text, 1.0, line, error);
}

static enum kerf_status read_mooncake_time(const char *text, struct kerf_trace_line *line,
                                           struct kerf_error *error)
{
    return read_seconds(text, 1e-3, line, error);
}

/* --- formats of columns --- */

struct column_format {
    const char *time, *prompt, *output, *blocks, *seen; /* headings; NULL: it has none such */
    enum kerf_status (*read_time)(const char *text, struct kerf_trace_line *line, struct kerf_error *error);
};

static const struct column_format column_formats[KERF_TRACE_FORMATS] = {
    [KERF_TRACE_AZURE_2023] = {"TIMESTAMP", "ContextTokens", "GeneratedTokens", NULL, NULL, read_azure_time},
    [KERF_TRACE_AZURE_2024] = {"TIMESTAMP", "ContextTokens", "GeneratedTokens", NULL, NULL, read_azure_time},
    [KERF_TRACE_BURSTGPT] = {"Timestamp", "Request tokens", "Response tokens", NULL, NULL, read_burst_time},
    [KERF_TRACE_MOONCAKE_CSV] = {"timestamp_ms", "input_length", "output_length", "n_blocks",
                                 "prefix_hit_blocks_inf", read_mooncake_time},
};

bool kerf_trace_has_header(enum kerf_trace_format format)
{
    return column_formats[format].time;
}

enum kerf_status kerf_trace_header(enum kerf_trace_format format, const char *bytes, size_t length,
                                   struct kerf_trace_columns *columns, struct kerf_error *error)
{
    const struct column_format *wanted = &column_formats[format];
    struct kerf_csv_line line;
    const char *const headings[] = {wanted->time, wanted->prompt, wanted->output, wanted->blocks,
                                    wanted->seen};
    int *const places[] = {&columns->time, &columns->prompt, &columns->output, &columns->blocks,
                           &columns->seen};
    if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        bytes += 3;
        length -= 3;
    }
    KERF_CHECK(kerf_csv_line_split(bytes, length, &line), KERF_ERR_USAGE, "is no line of CSV");
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) {
        *places[i] = headings[i] ? kerf_csv_line_find(&line, headings[i]) : -1;
        KERF_CHECK(!headings[i] || *places[i] >= 0, KERF_ERR_USAGE,
                   "a trace of format %s has a column '%s' in its first line; another format?",
                   kerf_trace_format_names[format], headings[i]);
    }
    return KERF_OK;
}

static enum kerf_status read_columns(enum kerf_trace_format format, const struct kerf_trace_columns *columns,
                                     const char *bytes, size_t length, struct kerf_trace_line *line,
                                     struct kerf_error *error)
{
    const struct column_format *wanted = &column_formats[format];
    struct kerf_csv_line csv;
    const int places[] = {columns->time, columns->prompt, columns->output, columns->blocks, columns->seen};
    KERF_CHECK(kerf_csv_line_split(bytes, length, &csv), KERF_ERR_USAGE, "is no line of CSV");
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        KERF_CHECK(places[i] < csv.fields, KERF_ERR_USAGE, "has %d fields, too few", csv.fields);
    KERF_TRY(wanted->read_time(csv.field[columns->time], line, error));
    KERF_TRY(read_count(csv.field[columns->prompt], wanted->prompt, &line->prompt_tokens, error));
    KERF_TRY(read_count(csv.field[columns->output], wanted->output, &line->output_tokens, error));
    if (columns->blocks < 0)
        return KERF_OK;
    uint32_t blocks = 0, seen = 0;
    KERF_TRY(read_count(csv.field[columns->blocks], wanted->blocks, &blocks, error));
    KERF_TRY(read_count(csv.field[columns->seen], wanted->seen, &seen, error));
    KERF_CHECK(seen <= blocks && blocks <= line->prompt_tokens, KERF_ERR_USAGE,
               "%u of %u blocks of a prompt of %u tokens came before", seen, blocks, line->prompt_tokens);
    line->blocks = (int)blocks;
    line->seen_blocks = (int)seen;
    return KERF_OK;
}

/* --- JSON lines --- */

static enum kerf_status json_number(const struct kerf_yaml *json, const char *key, double most, double *value,
                                    struct kerf_error *error)
{
    char text[64], *end;
    struct kerf_error why;
    kerf_yaml_node *node = kerf_yaml_get(kerf_yaml_root(json), key);
    bool there = node && kerf_yaml_text(json, node, key, text, sizeof text, &why) == KERF_OK;
    *value = there ? strtod(text, &end) : NAN;
    KERF_CHECK(there && *text && *end == '\0' && *value >= 0.0 && *value <= most, KERF_ERR_USAGE,
               "%s: a number from 0 to %g is wanted", key, most);
    return KERF_OK;
}

static enum kerf_status keep_blocks(const struct kerf_yaml *json, struct kerf_trace_line *line,
                                    struct kerf_error *error)
{
    kerf_yaml_node *list = kerf_yaml_get(kerf_yaml_root(json), "hash_ids");
    KERF_CHECK(kerf_yaml_node_kind(list) == KERF_YAML_LIST, KERF_ERR_USAGE, "hash_ids: a list is wanted");
    line->blocks = kerf_yaml_count(list);
    if (line->blocks > line->block_capacity) {
        uint32_t *grown = realloc(line->block, (size_t)line->blocks * sizeof *grown);
        KERF_CHECK(grown, KERF_ERR_FAILURE, "out of memory for %d blocks", line->blocks);
        line->block = grown;
        line->block_capacity = line->blocks;
    }
    for (int i = 0; i < line->blocks; i++) {
        char text[32], *end;
        struct kerf_error why;
        kerf_yaml_node *node = kerf_yaml_item(list, i);
        bool there = kerf_yaml_text(json, node, "hash_ids", text, sizeof text, &why) == KERF_OK;
        unsigned long long name = there ? strtoull(text, &end, 10) : 0;
        KERF_CHECK(there && isdigit((unsigned char)*text) && *end == '\0' && name <= UINT32_MAX,
                   KERF_ERR_USAGE, "hash_ids: whole numbers below 2^32 are wanted");
        line->block[i] = (uint32_t)name;
    }
    return KERF_OK;
}

static enum kerf_status read_json(const char *bytes, size_t length, struct kerf_trace_line *line,
                                  struct kerf_error *error)
{
    struct kerf_yaml *json = NULL;
    struct kerf_error why;
    double at_ms = 0.0, prompt = 0.0, output = 0.0;
    char *text = malloc(length + 1);
    KERF_CHECK(text, KERF_ERR_FAILURE, "out of memory for a line");
    memcpy(text, bytes, length);
    text[length] = '\0';
    enum kerf_status status = KERF_OK;
    if (kerf_yaml_parse(text, "line", &json, &why) != KERF_OK ||
        kerf_yaml_node_kind(kerf_yaml_root(json)) != KERF_YAML_MAP)
        status = kerf_error_set(error, KERF_ERR_USAGE, "is no JSON object");
    if (status == KERF_OK)
        status = json_number(json, "timestamp", 1e15, &at_ms, error);
    if (status == KERF_OK)
        status = json_number(json, "input_length", most_tokens, &prompt, error);
    if (status == KERF_OK)
        status = json_number(json, "output_length", most_tokens, &output, error);
    if (status == KERF_OK)
        status = keep_blocks(json, line, error);
    kerf_yaml_free(json);
    free(text);
    split_time(at_ms * 1e-3, line);
    line->prompt_tokens = (uint32_t)prompt;
    line->output_tokens = (uint32_t)output;
    return status;
}

enum kerf_status kerf_trace_line_read(enum kerf_trace_format format, const struct kerf_trace_columns *columns,
                                      const char *bytes, size_t length, struct kerf_trace_line *line,
                                      struct kerf_error *error)
{
    line->blocks = 0;
    line->seen_blocks = -1;
    KERF_TRY(format == KERF_TRACE_MOONCAKE ? read_json(bytes, length, line, error)
                                           : read_columns(format, columns, bytes, length, line, error));
    KERF_CHECK(line->prompt_tokens > 0, KERF_ERR_USAGE, "a prompt of 0 tokens");
    return KERF_OK;
}
