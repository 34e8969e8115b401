/* Formats of public request traces: from a line to when somebody asked for how much. */
#ifndef KERF_IO_TRACE_FORMAT_H
#define KERF_IO_TRACE_FORMAT_H

#include "sim/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kerf_trace_format {
    KERF_TRACE_AZURE_2023, /* CSV TIMESTAMP,ContextTokens,GeneratedTokens; dates without a zone */
    KERF_TRACE_AZURE_2024, /* the same, with a zone */
    KERF_TRACE_BURSTGPT,   /* CSV Timestamp,...,Request tokens,Response tokens,...; seconds */
    KERF_TRACE_MOONCAKE, /* JSON lines: timestamp (ms), input_length, output_length, hash_ids of 512 tokens */
    KERF_TRACE_MOONCAKE_CSV, /* timestamp_ms,input_length,output_length,n_blocks,prefix_hit_blocks_inf */
    KERF_TRACE_FORMATS
};

extern const char *const kerf_trace_format_names[]; /* NULL-terminated */

enum { KERF_TRACE_BLOCK_TOKENS = 512 }; /* of Mooncake's names */

/* One line, read. */
struct kerf_trace_line {
    int64_t second, picosecond;            /* of the day and age of the file */
    uint32_t prompt_tokens, output_tokens; /* output 0: a request that failed */
    uint32_t *block;                       /* owned by the caller: names of the prompt's blocks */
    int blocks, block_capacity;
    int seen_blocks; /* of those that the file only counts: leading ones that came before; -1: it names them
                      */
};

/* Where a format's columns are in a file; plain data. */
struct kerf_trace_columns {
    int time, prompt, output, blocks, seen;
};

/* Reads the first line of a file of columns; formats without a header take nothing. The message says what is
 * missing. */
enum kerf_status kerf_trace_header(enum kerf_trace_format format, const char *bytes, size_t length,
                                   struct kerf_trace_columns *columns, struct kerf_error *error);

bool kerf_trace_has_header(enum kerf_trace_format format);

/* Reads a line. The message says what is wrong with it, without file and line. KERF_ERR_FAILURE: memory is
 * out. */
enum kerf_status kerf_trace_line_read(enum kerf_trace_format format, const struct kerf_trace_columns *columns,
                                      const char *bytes, size_t length, struct kerf_trace_line *line,
                                      struct kerf_error *error);

#endif
