/* The io room: request traces. Knows files and the requests in them; not what a replay does. */
#include "sim/io/trace_file.h"

#include "sim/engine/agree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Simulated time ends after 106 days. */
static const double longest_s = 100.0 * 86400.0;
enum { REQUESTS_MOST = 2000000000, PIECE_BYTES = 1 << 30 };

struct reading {
    const char *path;
    const struct kerf_trace_options *options;
    struct kerf_trace *trace;
    int64_t capacity, offset_capacity, block_capacity;
    long long line_number;
    struct kerf_trace_line line;
    int64_t first_second, first_picosecond;
    kerf_time last;
    uint32_t next_name;   /* formats that count blocks: names are made up */
    int *recent, recents; /* the same: requests that no later one exceeds in blocks */
    int64_t recent_capacity;
};

static enum kerf_status grow(void **items, int64_t *capacity, int64_t wanted, size_t item_bytes,
                             struct kerf_error *error)
{
    if (wanted <= *capacity)
        return KERF_OK;
    int64_t larger = *capacity ? 2 * *capacity : 1024;
    while (larger < wanted)
        larger *= 2;
    void *grown = realloc(*items, (size_t)larger * item_bytes);
    KERF_CHECK(grown, KERF_ERR_FAILURE, "out of memory for a trace of %lld items", (long long)wanted);
    *items = grown;
    *capacity = larger;
    return KERF_OK;
}

/* --- blocks that the file only counts --- */

static int64_t blocks_of(const struct kerf_trace *trace, int request)
{
    return trace->first_block[request + 1] - trace->first_block[request];
}

/* The latest request before with at least `blocks` blocks; -1: none. The file says how many leading blocks
 * came before and not in which request; with this choice as many are found again. */
static int latest_with(const struct reading *r, int64_t blocks)
{
    int low = 0, high = r->recents; /* blocks fall from the oldest to the newest */
    while (low < high) {
        int middle = (low + high) / 2;
        if (blocks_of(r->trace, r->recent[middle]) >= blocks)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? r->recent[low - 1] : -1;
}

static enum kerf_status remember(struct reading *r, int request, struct kerf_error *error)
{
    while (r->recents > 0 && blocks_of(r->trace, r->recent[r->recents - 1]) <= blocks_of(r->trace, request))
        r->recents--;
    KERF_TRY(grow((void **)&r->recent, &r->recent_capacity, r->recents + 1, sizeof *r->recent, error));
    r->recent[r->recents++] = request;
    return KERF_OK;
}

/* Names for the blocks of a line: those that came before have those of the latest long enough. */
static enum kerf_status name_blocks(struct reading *r, uint32_t *name, struct kerf_error *error)
{
    int seen = r->line.seen_blocks, source = latest_with(r, seen);
    KERF_CHECK(seen == 0 || source >= 0, KERF_ERR_USAGE,
               "%d blocks are said to have come before; no line above has as many", seen);
    if (seen > 0)
        memcpy(name, r->trace->block + r->trace->first_block[source], (size_t)seen * sizeof *name);
    for (int i = seen; i < r->line.blocks; i++)
        name[i] = r->next_name++;
    return KERF_OK;
}

static enum kerf_status keep_blocks(struct reading *r, struct kerf_error *error)
{
    struct kerf_trace *trace = r->trace;
    KERF_TRY(grow((void **)&trace->first_block, &r->offset_capacity, (int64_t)trace->requests + 2,
                  sizeof *trace->first_block, error));
    if (trace->requests == 0)
        trace->first_block[0] = 0;
    int64_t first = trace->first_block[trace->requests];
    KERF_TRY(grow((void **)&trace->block, &r->block_capacity, first + r->line.blocks, sizeof *trace->block,
                  error));
    if (r->line.seen_blocks >= 0)
        KERF_TRY(name_blocks(r, trace->block + first, error));
    else if (r->line.blocks > 0)
        memcpy(trace->block + first, r->line.block, (size_t)r->line.blocks * sizeof *trace->block);
    trace->first_block[trace->requests + 1] = first + r->line.blocks;
    return r->line.seen_blocks >= 0 ? remember(r, trace->requests, error) : KERF_OK;
}

/* --- requests --- */

static enum kerf_status time_of(struct reading *r, kerf_time *at, struct kerf_error *error)
{
    if (r->trace->requests == 0) {
        r->first_second = r->line.second;
        r->first_picosecond = r->line.picosecond;
    }
    int64_t seconds = r->line.second - r->first_second;
    double since_s = (double)seconds + (double)(r->line.picosecond - r->first_picosecond) * 1e-12;
    KERF_CHECK(since_s < longest_s * r->options->rate_scale, KERF_ERR_FAILURE,
               "is %.0f days after the first request, and simulated time ends after 100; set trace.limit or "
               "trace.rate_scale",
               since_s / 86400.0);
    *at = r->options->rate_scale == 1.0 ? seconds * 1000000000000 + r->line.picosecond - r->first_picosecond
                                        : kerf_time_from_s(since_s / r->options->rate_scale);
    KERF_CHECK(*at >= r->last, KERF_ERR_USAGE, "its time is %.6f s before that of the line before",
               kerf_time_to_s(r->last - *at) * r->options->rate_scale);
    return KERF_OK;
}

/* One line, good or not: KERF_ERR_USAGE when it is bad. */
static enum kerf_status keep_line(struct reading *r, const char *bytes, size_t length,
                                  const struct kerf_trace_columns *columns, struct kerf_error *error)
{
    struct kerf_trace *trace = r->trace;
    kerf_time at = 0;
    KERF_TRY(kerf_trace_line_read(r->options->format, columns, bytes, length, &r->line, error));
    if (r->line.output_tokens == 0)
        return KERF_OK;
    KERF_TRY(time_of(r, &at, error));
    int64_t wanted = (int64_t)trace->requests + 1;
    KERF_TRY(grow((void **)&trace->request, &r->capacity, wanted, sizeof *trace->request, error));
    if (trace->block_tokens > 0)
        KERF_TRY(keep_blocks(r, error));
    trace->request[trace->requests++] = (struct kerf_trace_request){
        .at = at, .prompt_tokens = r->line.prompt_tokens, .output_tokens = r->line.output_tokens};
    r->last = at;
    return KERF_OK;
}

static enum kerf_status about_line(const struct reading *r, struct kerf_error *error)
{
    return kerf_error_prefix(error, "%s:%lld: ", r->path, r->line_number);
}

static enum kerf_status refuse_line(const struct reading *r, struct kerf_error *error)
{
    struct kerf_error why = *error;
    return kerf_error_set(error, KERF_ERR_USAGE,
                          "%s:%lld: %s; mend the line, or pass --skip-bad-lines to leave such lines out",
                          r->path, r->line_number, why.message);
}

static bool is_full(const struct reading *r)
{
    int limit = r->options->limit > 0 ? r->options->limit : REQUESTS_MOST;
    return r->trace->requests >= limit;
}

static enum kerf_status read_lines(struct reading *r, FILE *file, char **bytes, size_t *capacity,
                                   struct kerf_error *error)
{
    struct kerf_trace_columns columns = {0};
    bool header = kerf_trace_has_header(r->options->format);
    ssize_t length;
    while (!is_full(r) && (length = getline(bytes, capacity, file)) >= 0) {
        r->line_number++;
        while (length > 0 && strchr("\r\n", (*bytes)[length - 1]))
            length--;
        if (length == 0)
            continue;
        if (header) {
            header = false;
            if (kerf_trace_header(r->options->format, *bytes, (size_t)length, &columns, error) != KERF_OK)
                return about_line(r, error);
            continue;
        }
        enum kerf_status status = keep_line(r, *bytes, (size_t)length, &columns, error);
        if (status == KERF_ERR_USAGE && r->options->skip_bad_lines)
            r->trace->bad_lines++;
        else if (status != KERF_OK)
            return status == KERF_ERR_USAGE ? refuse_line(r, error) : about_line(r, error);
    }
    KERF_CHECK(!ferror(file), KERF_ERR_FAILURE, "%s: %s", r->path, strerror(errno));
    KERF_CHECK(r->trace->requests > 0, KERF_ERR_USAGE,
               "%s: has no request that was answered (%lld lines, %lld of them bad); is it of format %s?",
               r->path, r->line_number, r->trace->bad_lines, kerf_trace_format_names[r->options->format]);
    return KERF_OK;
}

static enum kerf_status read_here(const char *path, const struct kerf_trace_options *options,
                                  struct kerf_trace *trace, struct kerf_error *error)
{
    struct reading reading = {.path = path, .options = options, .trace = trace};
    FILE *file = fopen(path, "rb");
    KERF_CHECK(file, KERF_ERR_FAILURE, "%s: %s", path, strerror(errno));
    char *bytes = NULL;
    size_t capacity = 0;
    bool named = options->format == KERF_TRACE_MOONCAKE || options->format == KERF_TRACE_MOONCAKE_CSV;
    trace->block_tokens = named ? KERF_TRACE_BLOCK_TOKENS : 0;
    enum kerf_status status = read_lines(&reading, file, &bytes, &capacity, error);
    free(bytes);
    free(reading.line.block);
    free(reading.recent);
    fclose(file);
    return status;
}

/* --- to all ranks --- */

static void broadcast(MPI_Comm comm, void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += PIECE_BYTES) {
        size_t piece = bytes - done < PIECE_BYTES ? bytes - done : PIECE_BYTES;
        MPI_Bcast((char *)data + done, (int)piece, MPI_BYTE, 0, comm);
    }
}

static enum kerf_status make_room(struct kerf_trace *trace, int64_t blocks, struct kerf_error *error)
{
    size_t requests = (size_t)trace->requests;
    bool named = trace->block_tokens > 0;
    trace->request = malloc(requests * sizeof *trace->request);
    trace->first_block = named ? malloc((requests + 1) * sizeof *trace->first_block) : NULL;
    trace->block = named ? malloc((size_t)(blocks + 1) * sizeof *trace->block) : NULL;
    KERF_CHECK(trace->request && (!named || (trace->first_block && trace->block)), KERF_ERR_FAILURE,
               "out of memory for a trace of %zu requests", requests);
    return KERF_OK;
}

static enum kerf_status share(MPI_Comm comm, int rank, struct kerf_trace *trace, struct kerf_error *error)
{
    int64_t head[4] = {0};
    if (rank == 0) {
        head[0] = trace->requests;
        head[1] = trace->block_tokens;
        head[2] = trace->block_tokens > 0 ? trace->first_block[trace->requests] : 0;
        head[3] = trace->bad_lines;
    }
    MPI_Bcast(head, 4, MPI_INT64_T, 0, comm);
    trace->requests = (int)head[0];
    trace->block_tokens = (int)head[1];
    trace->bad_lines = head[3];
    enum kerf_status status = rank == 0 ? KERF_OK : make_room(trace, head[2], error);
    KERF_TRY(kerf_error_agree(comm, status, error));
    broadcast(comm, trace->request, (size_t)trace->requests * sizeof *trace->request);
    if (trace->block_tokens > 0) {
        broadcast(comm, trace->first_block, ((size_t)trace->requests + 1) * sizeof *trace->first_block);
        broadcast(comm, trace->block, (size_t)head[2] * sizeof *trace->block);
    }
    return KERF_OK;
}

enum kerf_status kerf_trace_read(MPI_Comm comm, const char *path, const struct kerf_trace_options *options,
                                 struct kerf_trace *trace, struct kerf_error *error)
{
    int rank = 0;
    *trace = (struct kerf_trace){0};
    if (comm == MPI_COMM_NULL)
        return read_here(path, options, trace, error);
    MPI_Comm_rank(comm, &rank);
    enum kerf_status status = rank == 0 ? read_here(path, options, trace, error) : KERF_OK;
    KERF_TRY(kerf_error_share(comm, 0, status, error));
    return share(comm, rank, trace, error);
}
