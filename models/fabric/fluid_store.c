/* The fabric room: a fluid network in checkpoints. Its arrays name each other by number, so they are kept as
 * they are; what is empty between solves is not. */
#include "models/fabric/fluid_state.h"

void kerf_fluid_save(struct kerf_fluid *fluid, struct kerf_pack *pack)
{
    kerf_fluid_solve(fluid); /* then no change waits */
    kerf_pack_put(pack, fluid, sizeof *fluid);
    kerf_pack_put(pack, fluid->link, ((size_t)fluid->links + fluid->flow_capacity) * sizeof *fluid->link);
    kerf_pack_put(pack, fluid->flow, (size_t)fluid->flow_capacity * sizeof *fluid->flow);
    kerf_pack_put(pack, fluid->hop, (size_t)fluid->flow_capacity * fluid->hop_stride * sizeof *fluid->hop);
    kerf_pack_put(pack, fluid->ends.entries, (size_t)fluid->ends.count * sizeof *fluid->ends.entries);
}

static bool load_ends(struct kerf_fluid *fluid, uint32_t count, struct kerf_unpack *unpack)
{
    struct kerf_heap_entry entry;
    for (uint32_t i = 0; i < count; i++) {
        if (!kerf_unpack_get(unpack, &entry, sizeof entry) || entry.id >= fluid->flow_capacity)
            return false;
        kerf_indexed_heap_set(&fluid->ends, entry.id, entry.key);
    }
    return true;
}

bool kerf_fluid_load(struct kerf_fluid *fluid, struct kerf_unpack *unpack)
{
    struct kerf_fluid saved;
    if (!kerf_unpack_get(unpack, &saved, sizeof saved) || saved.links != fluid->links ||
        saved.hop_stride != fluid->hop_stride)
        return false;
    while (fluid->flow_capacity < saved.flow_capacity)
        if (!kerf_fluid_more_flows(fluid))
            return false;
    if (fluid->flow_capacity != saved.flow_capacity)
        return false;
    fluid->now = saved.now;
    fluid->first_free = saved.first_free;
    fluid->water_Bps = saved.water_Bps;
    fluid->stats = saved.stats;
    size_t flows = fluid->flow_capacity;
    return kerf_unpack_get(unpack, fluid->link, (fluid->links + flows) * sizeof *fluid->link) &&
           kerf_unpack_get(unpack, fluid->flow, flows * sizeof *fluid->flow) &&
           kerf_unpack_get(unpack, fluid->hop, flows * fluid->hop_stride * sizeof *fluid->hop) &&
           load_ends(fluid, saved.ends.count, unpack);
}
