#include "sim/engine/engine_state.h"
enum kerf_status kerf_engine_fold(struct kerf_engine *engine, struct kerf_error *error)
{
    (void)engine;
    (void)error;
    return KERF_OK;
}
