/* Checkpoints (docs/checkpoints.md): a cut of a run (engine/cut.h) as an HDF5 file, written by all ranks
 * together and read back on any number of them. A file that has the final name is whole; the one before is
 * kept as NAME.previous. */
#ifndef KERF_IO_CHECKPOINT_H
#define KERF_IO_CHECKPOINT_H

#include "sim/base/error.h"
#include "sim/engine/engine.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

enum { KERF_CHECKPOINT_LAYOUT = 1, KERF_CHECKPOINT_PATH_BYTES = 1024 };

/* What a checkpoint is of. All ranks know the same. */
struct kerf_checkpoint_about {
    char version[32]; /* of the kerf that wrote it */
    char title[128], scenario_path[KERF_CHECKPOINT_PATH_BYTES], catalog[KERF_CHECKPOINT_PATH_BYTES];
    const char *scenario_text;     /* the file as given */
    const char *overrides;         /* one KEY=VALUE per line */
    const char *scenario_resolved; /* with every default and override */
    uint64_t catalog_hash;
    bool folded;
    int restarts; /* of the run before it was written */
    /* The writer fills these in. */
    char date[32]; /* UTC */
    int ranks;
    kerf_time time; /* of the last event */
    uint64_t shape, rows, bytes;
};

/* Checks, before any work is done, that checkpoints can be kept at `path`: fails with KERF_ERR_USAGE.
 * Collective. */
enum kerf_status kerf_checkpoint_prepare(MPI_Comm comm, const char *path, struct kerf_error *error);

/* Writes a checkpoint of `engine` and fills in *about. Only inside kerf_engine_calls.save. When it fails the
 * file at `path` is as it was. Collective. */
enum kerf_status kerf_checkpoint_write(MPI_Comm comm, const char *path, const struct kerf_engine *engine,
                                       struct kerf_checkpoint_about *about, struct kerf_error *error);

struct kerf_checkpoint;

/* Opens a checkpoint after checking every byte of it. Collective. Close it, also after a failure. */
enum kerf_status kerf_checkpoint_open(MPI_Comm comm, const char *path, struct kerf_checkpoint **checkpoint,
                                      struct kerf_error *error);
void kerf_checkpoint_close(struct kerf_checkpoint *checkpoint);

/* What it is of; valid until it is closed. */
const struct kerf_checkpoint_about *kerf_checkpoint_about(const struct kerf_checkpoint *checkpoint);

/* Gives the engine's LPs back what they had. Only inside kerf_engine_calls.load. Collective. */
enum kerf_status kerf_checkpoint_restore(const struct kerf_checkpoint *checkpoint, struct kerf_engine *engine,
                                         struct kerf_error *error);

/* Whether the file looks like a checkpoint rather than a result. This process alone. */
bool kerf_checkpoint_is(const char *path);

#endif
