/* What follows the passes of a step: sums of gradients over the replicas, beside the last backward passes and
 * after them. */
#include "models/training/pipeline.h"

kerf_time kerf_bucket_ready(struct kerf_interval pass, uint32_t buckets, uint32_t bucket)
{
    return pass.end - (pass.end - pass.begin) / buckets * (buckets - 1 - bucket);
}

/* The chunk whose gradients are complete next after `after`, a chunk or `chunks` to begin with. Passes of a
 * stage follow each other, so their ends tell them apart but for passes that take no time. */
static uint32_t next_complete(const struct kerf_interval *gradients, uint32_t chunks, uint32_t after)
{
    uint32_t next = chunks;
    for (uint32_t c = 0; c < chunks; c++) {
        bool behind = after == chunks || gradients[c].end > gradients[after].end ||
                      (gradients[c].end == gradients[after].end && c > after);
        if (behind && (next == chunks || gradients[c].end < gradients[next].end))
            next = c;
    }
    return next;
}

static kerf_time reduced(const struct kerf_interval *gradients, const struct kerf_reduction *reduction,
                         uint32_t chunks)
{
    kerf_time finish = 0;
    for (uint32_t c = next_complete(gradients, chunks, chunks); c < chunks;
         c = next_complete(gradients, chunks, c))
        for (uint32_t b = 0; b < reduction[c].buckets; b++) {
            kerf_time ready = kerf_bucket_ready(gradients[c], reduction[c].buckets, b);
            finish = (ready > finish ? ready : finish) + reduction[c].bucket;
        }
    return finish;
}

kerf_time kerf_pipeline_step_end(const struct kerf_pipeline *pipeline,
                                 const struct kerf_pipeline_result *result,
                                 const struct kerf_reduction *reduction, const kerf_time *after,
                                 kerf_time *stage_end)
{
    uint32_t chunks = pipeline->schedule->chunks;
    kerf_time last = 0;
    for (uint32_t s = 0; s < pipeline->schedule->stages; s++) {
        size_t first = (size_t)s * chunks;
        kerf_time end = result->use[s].end;
        if (reduction) {
            kerf_time sums = reduced(&result->gradients[first], &reduction[first], chunks);
            end = sums > end ? sums : end;
        }
        end += after ? after[s] : 0;
        if (stage_end)
            stage_end[s] = end;
        last = end > last ? end : last;
    }
    return last;
}
