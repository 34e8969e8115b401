/* A random model for tests of the engine: LPs of several kinds that send, wait, take timers back and make
 * promises as a hash of all they have seen tells them, so that one event out of order changes everything
 * after it. The same seed gives the same model. */
#ifndef KERF_TESTS_RANDOM_GRAPH_H
#define KERF_TESTS_RANDOM_GRAPH_H

#include "sim/engine/engine.h"

enum { RANDOM_GRAPH_LPS = 300 }; /* at most */

struct random_graph;

/* Makes a model of about so many events. Ends the program when memory is out. */
struct random_graph *random_graph_make(uint64_t seed, uint32_t events);
void random_graph_free(struct random_graph *graph);

uint32_t random_graph_lps(const struct random_graph *graph);

/* Adds the LPs and channels; the graph must outlive the engine. */
void random_graph_build(const struct random_graph *graph, struct kerf_engine *engine);

/* What an LP has seen, as a number. */
uint64_t random_graph_hash(const void *state);

#endif
