/* The engine room: block partition and the distance of every LP to the border of its rank. */
#include "sim/engine/partition.h"

#include <stdbool.h>
#include <stdlib.h>

void kerf_partition_blocks(const struct kerf_partition_lp *lp, size_t count, int ranks, int *rank_of)
{
    double total = 0.0, before = 0.0;
    for (size_t i = 0; i < count; i++)
        total += lp[i].load;
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        double load = lp[i].load;
        while (end < count && lp[i].group >= 0 && lp[end].group == lp[i].group)
            load += lp[end++].load;
        double middle = total > 0.0 ? (before + load / 2) / total : 0.0;
        int rank = (int)(middle * ranks);
        for (; i < end; i++)
            rank_of[i] = rank < ranks ? rank : ranks - 1;
        before += load;
    }
}

/* Relaxes until nothing changes: Bellman-Ford with a queue. Graphs are shallow, so it is quick, and it needs
 * no priority queue. */
int kerf_partition_reach(const struct kerf_channel *channel, const size_t *first, const kerf_time *open,
                         size_t count, const int *rank_of, kerf_time *reach)
{
    size_t channels = first[count];
    size_t *into_first = calloc(count + 2, sizeof *into_first), *into = malloc((channels + 1) * sizeof *into);
    uint32_t *queue = malloc((count + 1) * sizeof *queue);
    bool *waiting = calloc(count + 1, sizeof *waiting);
    int made = into_first && into && queue && waiting;
    if (made) {
        for (size_t c = 0; c < channels; c++)
            into_first[channel[c].to + 2]++;
        for (size_t i = 2; i <= count + 1; i++)
            into_first[i] += into_first[i - 1];
        for (size_t c = 0; c < channels; c++)
            into[into_first[channel[c].to + 1]++] = c;
        size_t head = 0, length = 0;
        for (size_t i = 0; i < count; i++) {
            reach[i] = open ? open[i] : KERF_TIME_NEVER;
            for (size_t c = first[i]; c < first[i + 1]; c++)
                if (rank_of[channel[c].to] != rank_of[i] && channel[c].lookahead < reach[i])
                    reach[i] = channel[c].lookahead;
            if (reach[i] != KERF_TIME_NEVER) {
                queue[length++] = (uint32_t)i;
                waiting[i] = true;
            }
        }
        while (length > 0) {
            uint32_t to = queue[head];
            head = (head + 1) % (count + 1);
            length--;
            waiting[to] = false;
            for (size_t k = into_first[to]; k < into_first[to + 1]; k++) {
                const struct kerf_channel *edge = &channel[into[k]];
                kerf_time through = kerf_time_add(reach[to], edge->lookahead);
                if (rank_of[edge->from] != rank_of[to] || through >= reach[edge->from])
                    continue;
                reach[edge->from] = through;
                if (!waiting[edge->from]) {
                    queue[(head + length++) % (count + 1)] = edge->from;
                    waiting[edge->from] = true;
                }
            }
        }
    }
    free(into_first);
    free(into);
    free(queue);
    free(waiting);
    return made;
}
