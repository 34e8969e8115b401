/* The study room: the leaf sets of a system, one after the other. */
#include "sim/study/system.h"

int kerf_system_leaf_sets(const struct kerf_system *system,
                          const struct kerf_leaf_set *sets[KERF_SYSTEM_LEAF_SETS])
{
    int count = 0;
    sets[count++] = &system->hardware;
    sets[count++] = &system->link;
    if (system->engine.table)
        sets[count++] = &system->engine;
    if (system->collectives.table)
        sets[count++] = &system->collectives;
    if (system->drafter.table)
        sets[count++] = &system->drafter;
    for (int i = 0; system->fabric && i < system->fabric->count; i++)
        sets[count++] = &system->fabric->link[i];
    if (system->decode) {
        sets[count++] = &system->kv_link;
        count += kerf_system_leaf_sets(system->decode, sets + count);
    }
    return count;
}

/* The set at this address among those of a system and its pools. */
static struct kerf_leaf_set *find_set(struct kerf_system *system, const struct kerf_leaf_set *wanted)
{
    struct kerf_leaf_set *own[] = {&system->hardware,    &system->link,    &system->engine,
                                   &system->collectives, &system->drafter, &system->kv_link};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (own[i] == wanted)
            return own[i];
    for (int i = 0; system->fabric && i < system->fabric->count; i++)
        if (&system->fabric->link[i] == wanted)
            return &system->fabric->link[i];
    return system->decode ? find_set(system->decode, wanted) : NULL;
}

struct kerf_leaf_set *kerf_system_leaf_set(struct kerf_system *system, int index)
{
    const struct kerf_leaf_set *sets[KERF_SYSTEM_LEAF_SETS];
    kerf_system_leaf_sets(system, sets);
    return find_set(system, sets[index]);
}
