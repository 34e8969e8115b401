/* Schedules that the user writes out. */
#include "models/training/schedule_custom.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const struct kerf_schedule_kind kerf_schedule_custom = {.name = "custom",
                                                        .what = "the actions that the user lists",
                                                        .placement = KERF_PLACE_LOOP,
                                                        .splits = true,
                                                        .copies_of_weights = 1};

/* What a stage has done with a micro-batch in a chunk. */
enum done { DID_FORWARD = 1, DID_INPUT = 2, DID_WEIGHT = 4, DID_ALL = 7 };

static const char *skip_blanks(const char *text)
{
    while (*text && isspace((unsigned char)*text))
        text++;
    return text;
}

static size_t word_length(const char *text)
{
    size_t length = 0;
    while (text[length] && !isspace((unsigned char)text[length]))
        length++;
    return length;
}

/* Digits at *text, which moves behind them; false: there is none, or too many. */
static bool read_number(const char **text, uint32_t *number)
{
    const char *begin = *text;
    for (*number = 0; isdigit((unsigned char)**text) && *text - begin < 9; ++*text)
        *number = *number * 10 + (uint32_t)(**text - '0');
    return *text > begin && !isdigit((unsigned char)**text);
}

static bool read_word(const char *word, size_t length, struct kerf_action *action)
{
    static const struct {
        char letter;
        enum kerf_action_kind kind;
    } letters[] = {
        {'F', KERF_FORWARD}, {'B', KERF_BACKWARD}, {'I', KERF_BACKWARD_INPUT}, {'W', KERF_BACKWARD_WEIGHT}};
    const char *text = word + 1;
    bool known = false;
    *action = (struct kerf_action){0};
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (letters[i].letter == *word) {
            action->kind = letters[i].kind;
            known = true;
        }
    known = known && read_number(&text, &action->micro_batch);
    if (known && *text == '.') {
        text++;
        known = read_number(&text, &action->chunk);
    }
    action->back_chunk = action->chunk;
    action->back_micro_batch = action->micro_batch;
    return known && text == word + length;
}

/* Notes that an action is done; what is wrong with it otherwise. */
static const char *note(unsigned char *done, enum kerf_action_kind kind)
{
    const unsigned char needs = kind == KERF_BACKWARD_WEIGHT ? DID_INPUT : 0;
    const unsigned char does = kind == KERF_FORWARD          ? DID_FORWARD
                               : kind == KERF_BACKWARD       ? DID_INPUT | DID_WEIGHT
                               : kind == KERF_BACKWARD_INPUT ? DID_INPUT
                                                             : DID_WEIGHT;
    if (*done & does)
        return "was done before";
    if ((*done & needs) != needs)
        return "comes before its input gradient (I)";
    *done |= does;
    return NULL;
}

struct reading {
    const struct kerf_schedule *schedule;
    struct kerf_custom_schedule *custom;
    unsigned char *done; /* owned: of the stage, micro-batch by micro-batch in each chunk */
    uint32_t count;
};

static enum kerf_status read_stage(struct reading *reading, uint32_t stage, const char *line,
                                   struct kerf_error *error)
{
    const struct kerf_schedule *schedule = reading->schedule;
    size_t items = (size_t)schedule->chunks * schedule->micro_batches;
    memset(reading->done, 0, items);
    reading->custom->first[stage] = reading->count;
    for (const char *word = skip_blanks(line); *word; word = skip_blanks(word + word_length(word))) {
        int length = (int)word_length(word);
        struct kerf_action action;
        KERF_CHECK(read_word(word, (size_t)length, &action), KERF_ERR_USAGE,
                   "stage %u: \"%.*s\" is no action: write F, B, I or W and the micro-batch, as in B3, with "
                   "the chunk behind a dot, as in B3.1",
                   stage, length, word);
        KERF_CHECK(action.micro_batch < schedule->micro_batches && action.chunk < schedule->chunks,
                   KERF_ERR_USAGE,
                   "stage %u: \"%.*s\": there are %u micro-batches and %u chunks, counted from 0", stage,
                   length, word, schedule->micro_batches, schedule->chunks);
        const char *wrong = note(
            &reading->done[(size_t)action.chunk * schedule->micro_batches + action.micro_batch], action.kind);
        KERF_CHECK(!wrong, KERF_ERR_USAGE, "stage %u: \"%.*s\" %s", stage, length, word, wrong);
        reading->custom->action[reading->count++] = action;
    }
    for (size_t i = 0; i < items; i++)
        KERF_CHECK(reading->done[i] == DID_ALL, KERF_ERR_USAGE,
                   "stage %u never finishes micro-batch %zu in chunk %zu: it wants F and B, or F, I and W",
                   stage, i % schedule->micro_batches, i / schedule->micro_batches);
    return KERF_OK;
}

enum kerf_status kerf_custom_schedule_read(const struct kerf_schedule *schedule, const char *const *line,
                                           struct kerf_custom_schedule *custom, struct kerf_error *error)
{
    size_t items = (size_t)schedule->chunks * schedule->micro_batches;
    struct reading reading = {.schedule = schedule, .custom = custom, .done = malloc(items)};
    /* At most three actions per micro-batch and chunk pass `note`. */
    custom->action = malloc(3 * items * schedule->stages * sizeof *custom->action);
    custom->first = malloc(((size_t)schedule->stages + 1) * sizeof *custom->first);
    enum kerf_status status =
        reading.done && custom->action && custom->first
            ? KERF_OK
            : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for the actions of a schedule");
    for (uint32_t stage = 0; stage < schedule->stages && status == KERF_OK; stage++)
        status = read_stage(&reading, stage, line[stage], error);
    if (status == KERF_OK)
        custom->first[schedule->stages] = reading.count;
    free(reading.done);
    return status;
}

void kerf_custom_schedule_free(struct kerf_custom_schedule *custom)
{
    free(custom->action);
    free(custom->first);
    *custom = (struct kerf_custom_schedule){0};
}
