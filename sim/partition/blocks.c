/* The partition room: the partition that needs no edges, only an order of the vertices. */
#include "sim/partition/blocks.h"

/* Each round lowers the cap, and any cap on the way is of use: rounds that find little more are not worth it.
 */
enum { CAP_ROUNDS_MOST = 32 };

/* The share of each part when vertices above `cap` have a part of their own; 0 when nothing is left over. */
static double share_below(const double *load, uint32_t count, int parts, double cap)
{
    double rest = 0.0;
    int left = parts;
    for (uint32_t u = 0; u < count; u++)
        if (load[u] > cap)
            left--;
        else
            rest += load[u];
    return left > 0 ? rest / left : 0.0;
}

void kerf_blocks_cap(double *load, uint32_t count, int parts)
{
    double total = 0.0;
    for (uint32_t u = 0; u < count; u++)
        total += load[u];
    double cap = total / parts;
    for (int round = 0; round < CAP_ROUNDS_MOST; round++) {
        double share = share_below(load, count, parts, cap);
        if (share <= 0.0 || share >= cap)
            break;
        cap = share;
    }
    for (uint32_t u = 0; u < count; u++)
        if (total <= 0.0)
            load[u] = 1.0;
        else if (load[u] > cap)
            load[u] = cap;
}

/* A vertex goes where its middle lies, but not past the next part, and on in time to leave none empty. */
void kerf_blocks_cut(const double *load, uint32_t count, int parts, int *part_of)
{
    double total = 0.0, before = 0.0;
    for (uint32_t u = 0; u < count; u++)
        total += load[u];
    int64_t last = -1;
    for (uint32_t u = 0; u < count; u++) {
        int64_t part = (int64_t)((before + load[u] / 2) / total * parts);
        int64_t least = (int64_t)parts - (count - u), most = last + 1 < parts ? last + 1 : parts - 1;
        if (part < least)
            part = least;
        if (part < last)
            part = last;
        if (part > most)
            part = most;
        part_of[u] = (int)part;
        last = part;
        before += load[u];
    }
}
