/* The base room: durations. */
#include "sim/base/duration.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double seconds_most = 1e10; /* 300 years */

/* A plain decimal number at *text, which is moved behind it. */
static bool read_number(const char **text, bool whole, double *number)
{
    char *end;
    if (!isdigit((unsigned char)**text) && (whole || **text != '.'))
        return false;
    size_t length = strspn(*text, whole ? "0123456789" : "0123456789.eE+-");
    *number = strtod(*text, &end);
    bool fits = end == *text + length;
    *text = end;
    return fits && isfinite(*number);
}

/* "[D-]HH:MM:SS" or "MM:SS": fields of 60 after the first. */
static bool read_fields(const char *text, double *seconds)
{
    double days = 0.0, total = 0.0, field;
    int fields = 0;
    bool has_days = strchr(text, '-') != NULL;
    if (has_days && (!read_number(&text, true, &days) || *text++ != '-'))
        return false;
    do {
        if (!read_number(&text, true, &field) || (fields > 0 && field >= 60.0))
            return false;
        total = 60.0 * total + field;
        fields++;
    } while (*text == ':' && text++);
    *seconds = 86400.0 * days + total;
    return *text == '\0' && (has_days ? fields == 3 && total < 86400.0 : fields == 2 || fields == 3);
}

enum kerf_status kerf_duration_read(const char *text, const char *what, double *seconds,
                                    struct kerf_error *error)
{
    const char *rest = text;
    bool fields = strchr(text, ':') != NULL;
    bool read = fields ? read_fields(text, seconds) : read_number(&rest, false, seconds) && *rest == '\0';
    KERF_CHECK(read && *seconds > 0.0 && *seconds < seconds_most, KERF_ERR_USAGE,
               "%s %s: seconds, MM:SS, HH:MM:SS or D-HH:MM:SS are wanted", what, text);
    return KERF_OK;
}
