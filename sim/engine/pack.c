/* The engine room: bytes in, bytes out. */
#include "sim/engine/pack.h"

#include <stdlib.h>
#include <string.h>

void kerf_pack_put(struct kerf_pack *pack, const void *data, size_t bytes)
{
    if (pack->failed || bytes == 0)
        return;
    if (bytes > pack->capacity - pack->bytes) {
        size_t capacity = 2 * pack->capacity + bytes + 256;
        unsigned char *grown = realloc(pack->data, capacity);
        if (!grown) {
            pack->failed = true;
            return;
        }
        pack->data = grown;
        pack->capacity = capacity;
    }
    memcpy(pack->data + pack->bytes, data, bytes);
    pack->bytes += bytes;
}

void kerf_pack_free(struct kerf_pack *pack)
{
    free(pack->data);
    *pack = (struct kerf_pack){0};
}

bool kerf_unpack_get(struct kerf_unpack *unpack, void *data, size_t bytes)
{
    if (bytes > unpack->bytes)
        return false;
    if (bytes > 0)
        memcpy(data, unpack->data, bytes);
    unpack->data += bytes;
    unpack->bytes -= bytes;
    return true;
}
