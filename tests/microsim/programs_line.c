/* Collectives on a line of the cycle-driven mesh. */
#include "programs.h"

#include <stdlib.h>

struct ms_line ms_row(struct ms_mesh *mesh, int row)
{
    return (struct ms_line){mesh, row, 0, ms_parameters_of(mesh)->columns, MS_EAST};
}

struct ms_line ms_column(struct ms_mesh *mesh, int column)
{
    return (struct ms_line){mesh, 0, column, ms_parameters_of(mesh)->rows, MS_SOUTH};
}

static void route(const struct ms_line *line, int i, int colour, enum ms_port input, int outputs, int count)
{
    int east = line->along == MS_EAST;
    ms_route(line->mesh, line->row + (east ? 0 : i), line->column + (east ? i : 0), colour, input, outputs,
             count);
}

static void append(const struct ms_line *line, int i, struct ms_operation operation)
{
    int east = line->along == MS_EAST;
    ms_append(line->mesh, line->row + (east ? 0 : i), line->column + (east ? i : 0), 0, operation);
}

static enum ms_port back(const struct ms_line *line)
{
    return line->along == MS_EAST ? MS_WEST : MS_NORTH;
}

/* Routes of one colour from PE `from` to PE `to`. */
static void path(const struct ms_line *line, int from, int to, int colour)
{
    enum ms_port out = to > from ? line->along : back(line), in = to > from ? back(line) : line->along;
    int step = to > from ? 1 : -1;
    route(line, from, colour, MS_RAMP, 1 << out, MS_FOREVER);
    for (int i = from + step; i != to; i += step)
        route(line, i, colour, in, 1 << out, MS_FOREVER);
    route(line, to, colour, in, 1 << MS_RAMP, MS_FOREVER);
}

void ms_move(const struct ms_line *line, int from, int to, int B, int colour)
{
    path(line, from, to, colour);
    append(line, from, (struct ms_operation){.kind = MS_SEND, .colour = colour, .n = B});
    append(line, to, (struct ms_operation){.kind = MS_RECEIVE, .colour = colour, .n = B});
}

void ms_broadcast(const struct ms_line *line, int root, int last, int B, int colour)
{
    int step = last > root ? 1 : -1;
    enum ms_port out = step > 0 ? line->along : back(line), in = step > 0 ? back(line) : line->along;
    if (root == last)
        return;
    route(line, root, colour, MS_RAMP, 1 << out, MS_FOREVER);
    append(line, root, (struct ms_operation){.kind = MS_SEND, .colour = colour, .n = B});
    for (int i = root + step; i != last + step; i += step) {
        route(line, i, colour, in, 1 << MS_RAMP | (i != last ? 1 << out : 0), MS_FOREVER);
        append(line, i, (struct ms_operation){.kind = MS_RECEIVE, .colour = colour, .n = B});
    }
}

void ms_broadcast_2d(struct ms_mesh *mesh, int B, int colour)
{
    const struct ms_parameters *p = ms_parameters_of(mesh);
    for (int row = 0; row < p->rows; row++) {
        for (int column = 0; column < p->columns; column++) {
            bool root = row == 0 && column == 0;
            enum ms_port in = root ? MS_RAMP : row == 0 ? MS_WEST : MS_NORTH;
            int outputs = root ? 0 : 1 << MS_RAMP;
            outputs |= row == 0 && column + 1 < p->columns ? 1 << MS_EAST : 0;
            outputs |= row + 1 < p->rows ? 1 << MS_SOUTH : 0;
            ms_route(mesh, row, column, colour, in, outputs, MS_FOREVER);
            ms_append(mesh, row, column, 0,
                      (struct ms_operation){.kind = root ? MS_SEND : MS_RECEIVE, .colour = colour, .n = B});
        }
    }
}

/* From PE `first` by `stride` to PE `last`: each adds its own and sends on. Two colours in turn, since a
 * colour has one input in a router. */
static void chain(const struct ms_line *line, int first, int last, int stride, int B, int colour)
{
    int link = 0;
    if (first == last)
        return;
    for (int i = first;; i += stride, link++) {
        int in = colour + (link + 1) % 2, out = colour + link % 2;
        enum ms_kind kind = i == first ? MS_SEND : i == last ? MS_ADD : MS_RELAY_ADD;
        append(line, i,
               (struct ms_operation){.kind = kind, .colour = i == first ? out : in, .to = out, .n = B});
        if (i == last)
            return;
        path(line, i, i + stride, out);
    }
}

void ms_chain(const struct ms_line *line, int B, int colour)
{
    chain(line, line->length - 1, 0, -1, B, colour);
}

/* Straight to the root on one colour: a router lets its own core's wavelets go first, then those from behind.
 */
void ms_star(const struct ms_line *line, int B, int colour)
{
    int P = line->length;
    route(line, 0, colour, line->along, 1 << MS_RAMP, MS_FOREVER);
    for (int i = 1; i < P; i++) {
        route(line, i, colour, MS_RAMP, 1 << back(line), B);
        route(line, i, colour, line->along, 1 << back(line), MS_FOREVER);
        append(line, i, (struct ms_operation){.kind = MS_SEND, .colour = colour, .n = B});
        append(line, 0, (struct ms_operation){.kind = MS_ADD, .colour = colour, .n = B});
    }
}

void ms_tree(const struct ms_line *line, int B, int colour)
{
    for (int stride = 1; stride < line->length; stride *= 2, colour++) {
        for (int i = 0; i + stride < line->length; i += 2 * stride) {
            path(line, i + stride, i, colour);
            append(line, i + stride, (struct ms_operation){.kind = MS_SEND, .colour = colour, .n = B});
            append(line, i, (struct ms_operation){.kind = MS_ADD, .colour = colour, .n = B});
        }
    }
}

void ms_two_phase(const struct ms_line *line, int B, int S, int colour)
{
    int last = 0;
    for (int root = 0; root < line->length; root += S) {
        int end = root + S < line->length ? root + S - 1 : line->length - 1;
        chain(line, end, root, -1, B, colour);
        last = root;
    }
    if (last > 0)
        chain(line, last, 0, -S, B, colour + 2);
}

/* Roots of groups are not evenly spaced when G does not divide P: their chain names them one by one. */
static void chain_roots(const struct ms_line *line, int G, int from, int to, int B, int colour)
{
    int P = line->length, step = to > from ? 1 : -1, link = 0;
    if (from == to)
        return;
    for (int g = from;; g += step, link++) {
        int here = (g * P / G + (g + 1) * P / G) / 2;
        int in = colour + (link + 1) % 2, out = colour + link % 2;
        enum ms_kind kind = g == from ? MS_SEND : g == to ? MS_ADD : MS_RELAY_ADD;
        append(line, here,
               (struct ms_operation){.kind = kind, .colour = g == from ? out : in, .to = out, .n = B});
        if (g == to)
            return;
        int there = ((g + step) * P / G + (g + step + 1) * P / G) / 2;
        path(line, here, there, out);
    }
}

/* G odd. Both halves of a group to its middle, the groups' middles to the line's, then both ways out: six
 * passes of the payload, one behind the other (WaferLLM's published kernels). */
void ms_ktree(const struct ms_line *line, int B, int G, int colour)
{
    int P = line->length, centre = G / 2, root = (centre * P / G + (centre + 1) * P / G) / 2;
    for (int g = 0; g < G; g++) {
        int begin = g * P / G, end = (g + 1) * P / G, middle = (begin + end) / 2;
        chain(line, begin, middle, 1, B, colour);
        chain(line, end - 1, middle, -1, B, colour + 2);
    }
    chain_roots(line, G, 0, centre, B, colour + 4);
    chain_roots(line, G, G - 1, centre, B, colour + 6);
    ms_broadcast(line, root, 0, B, colour + 8);
    ms_broadcast(line, root, P - 1, B, colour + 9);
}
