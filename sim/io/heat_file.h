/* Maps of temperature and voltage as an HDF5 file: the group /heat (docs/heat.md). */
#ifndef KERF_IO_HEAT_FILE_H
#define KERF_IO_HEAT_FILE_H

#include "models/thermal/floorplan.h"

#include <mpi.h>

/* One system; everything is the same on every rank. */
struct kerf_heat_map {
    const char *name, *title, *hardware, *cooling;
    int accelerator;
    double die_limit_K;
    const struct kerf_heat_problem *problem;
    const struct kerf_heat_field *field;
    const struct kerf_heat_figures *figures;
    const struct kerf_floor_power *power;
};

/* Reserves the file, before there is anything to write, or gives the reservation up. Collective. */
enum kerf_status kerf_heat_file_prepare(MPI_Comm comm, const char *path, struct kerf_error *error);
void kerf_heat_file_discard(MPI_Comm comm, const char *path);

/* Writes it. Collective. */
enum kerf_status kerf_heat_file_write(MPI_Comm comm, const char *path, const char *title, const char *version,
                                      const struct kerf_heat_map *map, int maps, struct kerf_error *error);

#endif
