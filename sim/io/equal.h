/* What systems of a comparison have in common, so that they are sized after one of them: the key `equal`. */
#ifndef KERF_IO_EQUAL_H
#define KERF_IO_EQUAL_H

enum kerf_equal {
    KERF_EQUAL_NONE,
    KERF_EQUAL_POWER, /* of the building, every accelerator at its limit */
    KERF_EQUAL_COST   /* of the owner, per second */
};

/* As scenarios spell them: none, power, cost; NULL-terminated. */
extern const char *const kerf_equal_names[];

#endif
