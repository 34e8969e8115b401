/* Errors: how a Kerf function says what is wrong, where, and how to mend it.
 *
 * A function that can fail returns an enum kerf_status (0 is success) and takes a struct kerf_error as its
 * last argument. Nothing in a library prints or exits: the command prints the message once, on rank 0. */
#ifndef KERF_BASE_ERROR_H
#define KERF_BASE_ERROR_H

#include <stddef.h>

enum kerf_status {
    KERF_OK = 0,
    KERF_ERR_FAILURE = 1, /* the environment failed: a missing file, a full disk, a damaged result */
    KERF_ERR_USAGE = 2,   /* what the user wrote is wrong: command line, scenario, catalog */
    KERF_STOPPED = 85,    /* stopped early, with a checkpoint to go on from; job scripts wait for this one */
};

enum { KERF_ERROR_MESSAGE_BYTES = 2048 };

struct kerf_error {
    enum kerf_status status;
    char message[KERF_ERROR_MESSAGE_BYTES];
};

/* Writes the message (printf style, cut to fit) and returns `status`, so that callers can
 * `return kerf_error_set(...)`. `error` may be NULL when the caller wants the status only. */
enum kerf_status kerf_error_set(struct kerf_error *error, enum kerf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts `prefix` (printf style) in front of a message that a deeper function wrote; returns its status. */
enum kerf_status kerf_error_prefix(struct kerf_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Leaves the function with `status` and the message unless `condition` holds. Needs `error` in scope. */
#define KERF_CHECK(condition, status, ...)                                                                   \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            return kerf_error_set(error, (status), __VA_ARGS__);                                             \
    } while (0)

/* Leaves the function with the status of a call that failed and already wrote its message. */
#define KERF_TRY(call)                                                                                       \
    do {                                                                                                     \
        enum kerf_status kerf_try_status_ = (call);                                                          \
        if (kerf_try_status_ != KERF_OK)                                                                     \
            return kerf_try_status_;                                                                         \
    } while (0)

#endif
