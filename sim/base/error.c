/* The base room: errors. Knows nothing of the rest of Kerf. */
#include "sim/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum kerf_status kerf_error_set(struct kerf_error *error, enum kerf_status status, const char *format, ...)
{
    if (!error)
        return status;
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

enum kerf_status kerf_error_prefix(struct kerf_error *error, const char *format, ...)
{
    if (!error)
        return KERF_ERR_FAILURE;
    char prefix[KERF_ERROR_MESSAGE_BYTES];
    char message[KERF_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    memcpy(message, error->message, sizeof message);
    message[sizeof message - 1] = '\0';
    size_t used = strnlen(prefix, sizeof prefix);
    if (used >= sizeof error->message)
        used = sizeof error->message - 1;
    memcpy(error->message, prefix, used);
    size_t room = sizeof error->message - used - 1;
    size_t length = strnlen(message, sizeof message);
    if (length > room)
        length = room;
    memcpy(error->message + used, message, length);
    error->message[used + length] = '\0';
    return error->status;
}
