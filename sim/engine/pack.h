/* State as a row of bytes: what a checkpoint keeps of an LP. Only read back on a machine of the same kind. */
#ifndef KERF_ENGINE_PACK_H
#define KERF_ENGINE_PACK_H

#include <stdbool.h>
#include <stddef.h>

struct kerf_pack {
    unsigned char *data; /* owned; free with kerf_pack_free */
    size_t bytes, capacity;
    bool failed; /* memory was out: what was packed since is lost */
};

void kerf_pack_put(struct kerf_pack *pack, const void *data, size_t bytes);
void kerf_pack_free(struct kerf_pack *pack);

struct kerf_unpack {
    const unsigned char *data;
    size_t bytes; /* left */
};

/* Copies the next bytes out; false when fewer are left. */
bool kerf_unpack_get(struct kerf_unpack *unpack, void *data, size_t bytes);

#endif
