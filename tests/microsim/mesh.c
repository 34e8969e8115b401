/* The cycle-driven mesh: routers with FIFOs a colour, and cores with threads. */
#include "mesh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POSITIONS = 2,
    SEMAPHORES = 8,
    READ_BYTES = 16,
    WRITE_BYTES = 8,
    WAVELET_BYTES = 4,
    ELEMENT_BYTES = 2
};

struct wavelet {
    float value[2];
    int64_t ready;
};

/* A ring of wavelets. What comes and goes in a cycle shows at its end, so that the order in which routers are
 * visited does not matter. */
struct fifo {
    struct wavelet *slot;
    int capacity, head, count;
    bool popped, pushed;
    struct wavelet incoming;
};

struct position {
    enum ms_port input;
    int outputs, count; /* count wavelets are still to come; MS_FOREVER */
};

struct route {
    struct position position[POSITIONS];
    int positions, current;
    struct fifo fifo[MS_PORTS];
};

struct thread {
    struct ms_operation *operation;
    int operations, capacity, at;
    int done, element,
        pause; /* inside the operation: wavelets or calls, elements of a call, cycles of a call */
};

struct pe {
    struct route *route[MS_COLOURS];
    int colours[MS_COLOURS], colour_count; /* those with a route */
    struct fifo core[MS_COLOURS];          /* down the ramp */
    struct thread thread[MS_THREADS];
    int semaphore[SEMAPHORES];
    float *memory;
};

struct ms_mesh {
    struct ms_parameters parameters;
    struct pe *pe;
    int *waiting,
        *threads_left; /* of a PE: wavelets in its router, threads of its core; asked in every cycle */
    struct fifo **touched;
    int touches, touch_capacity;
    int64_t now, under_way;
    bool moved;
    struct ms_outcome outcome;
};

static void mistake(const char *what)
{
    fprintf(stderr, "microsim: %s\n", what);
    abort();
}

static void *must(void *pointer)
{
    if (!pointer)
        mistake("out of memory");
    return pointer;
}

static struct pe *pe_at(struct ms_mesh *mesh, int row, int column)
{
    if (row < 0 || row >= mesh->parameters.rows || column < 0 || column >= mesh->parameters.columns)
        mistake("no such PE");
    return &mesh->pe[row * mesh->parameters.columns + column];
}

struct ms_mesh *ms_create(const struct ms_parameters *parameters)
{
    struct ms_mesh *mesh = must(calloc(1, sizeof *mesh));
    mesh->parameters = *parameters;
    int pes = parameters->rows * parameters->columns;
    mesh->pe = must(calloc((size_t)pes, sizeof *mesh->pe));
    mesh->waiting = must(calloc((size_t)pes, sizeof *mesh->waiting));
    mesh->threads_left = must(calloc((size_t)pes, sizeof *mesh->threads_left));
    for (int i = 0; i < pes; i++)
        mesh->pe[i].memory = must(calloc((size_t)parameters->memory_elements + 2, sizeof(float)));
    return mesh;
}

static void free_pe(struct pe *pe)
{
    for (int i = 0; i < pe->colour_count; i++) {
        struct route *route = pe->route[pe->colours[i]];
        for (int port = 0; port < MS_PORTS; port++)
            free(route->fifo[port].slot);
        free(route);
    }
    for (int colour = 0; colour < MS_COLOURS; colour++)
        free(pe->core[colour].slot);
    for (int t = 0; t < MS_THREADS; t++)
        free(pe->thread[t].operation);
    free(pe->memory);
}

void ms_free(struct ms_mesh *mesh)
{
    for (int i = 0; i < mesh->parameters.rows * mesh->parameters.columns; i++)
        free_pe(&mesh->pe[i]);
    free(mesh->pe);
    free(mesh->waiting);
    free(mesh->threads_left);
    free(mesh->touched);
    free(mesh);
}

const struct ms_parameters *ms_parameters_of(const struct ms_mesh *mesh)
{
    return &mesh->parameters;
}

float *ms_memory(struct ms_mesh *mesh, int row, int column)
{
    return pe_at(mesh, row, column)->memory;
}

static void make_fifo(struct fifo *fifo, int capacity)
{
    fifo->capacity = capacity;
    fifo->slot = must(calloc((size_t)capacity, sizeof *fifo->slot));
}

void ms_route(struct ms_mesh *mesh, int row, int column, int colour, enum ms_port input, int outputs,
              int count)
{
    struct pe *pe = pe_at(mesh, row, column);
    const struct ms_parameters *p = &mesh->parameters;
    struct route *route = pe->route[colour];
    if (!route) {
        route = pe->route[colour] = must(calloc(1, sizeof *route));
        pe->colours[pe->colour_count++] = colour;
        for (int port = 0; port < MS_PORTS; port++)
            make_fifo(&route->fifo[port], p->fifo_depth + (port == MS_RAMP ? p->ramp_cycles : 0));
        make_fifo(&pe->core[colour], p->fifo_depth + p->ramp_cycles);
    }
    if (route->positions == POSITIONS ||
        (route->positions > 0 && route->position[route->positions - 1].count == MS_FOREVER))
        mistake("a colour has one input at a time");
    route->position[route->positions++] = (struct position){input, outputs, count};
}

void ms_append(struct ms_mesh *mesh, int row, int column, int thread, struct ms_operation operation)
{
    struct pe *pe = pe_at(mesh, row, column);
    struct thread *list = &pe->thread[thread];
    if (operation.n == 0)
        return;
    if (list->operations == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 4;
        list->operation = must(realloc(list->operation, (size_t)list->capacity * sizeof *list->operation));
    }
    if (list->operations == 0)
        mesh->threads_left[pe - mesh->pe]++;
    list->operation[list->operations++] = operation;
}

static void touch(struct ms_mesh *mesh, struct fifo *fifo)
{
    if (fifo->popped || fifo->pushed)
        return;
    if (mesh->touches == mesh->touch_capacity) {
        mesh->touch_capacity = mesh->touch_capacity ? 2 * mesh->touch_capacity : 1024;
        mesh->touched = must(realloc(mesh->touched, (size_t)mesh->touch_capacity * sizeof(struct fifo *)));
    }
    mesh->touched[mesh->touches++] = fifo;
}

static bool has_room(const struct fifo *fifo)
{
    return fifo->count < fifo->capacity && !fifo->pushed;
}

static void push(struct ms_mesh *mesh, struct fifo *fifo, struct wavelet wavelet)
{
    touch(mesh, fifo);
    fifo->pushed = true;
    fifo->incoming = wavelet;
    mesh->moved = true;
}

/* The wavelet that may leave in this cycle, or NULL. */
static const struct wavelet *head(const struct ms_mesh *mesh, const struct fifo *fifo)
{
    const struct wavelet *first = &fifo->slot[fifo->head];
    return fifo->count > 0 && !fifo->popped && first->ready <= mesh->now ? first : NULL;
}

static void pop(struct ms_mesh *mesh, struct fifo *fifo)
{
    touch(mesh, fifo);
    fifo->popped = true;
    mesh->moved = true;
}

static void settle(struct ms_mesh *mesh)
{
    for (int i = 0; i < mesh->touches; i++) {
        struct fifo *fifo = mesh->touched[i];
        if (fifo->popped) {
            fifo->head = (fifo->head + 1) % fifo->capacity;
            fifo->count--;
        }
        if (fifo->pushed)
            fifo->slot[(fifo->head + fifo->count++) % fifo->capacity] = fifo->incoming;
        fifo->popped = fifo->pushed = false;
    }
    mesh->touches = 0;
}

static enum ms_port opposite(enum ms_port port)
{
    static const enum ms_port other[MS_PORTS] = {MS_SOUTH, MS_WEST, MS_NORTH, MS_EAST, MS_RAMP};
    return other[port];
}

/* Where an output leads: the FIFO at its end, and the PE that it belongs to. */
static struct fifo *beyond(struct ms_mesh *mesh, int index, int colour, enum ms_port output,
                           struct pe **owner)
{
    int columns = mesh->parameters.columns;
    const int step[MS_PORTS] = {-columns, 1, columns, -1, 0};
    struct pe *pe = &mesh->pe[index + step[output]];
    *owner = pe;
    if (output == MS_RAMP)
        return &pe->core[colour];
    if (!pe->route[colour])
        mistake("a wavelet reaches a router that has no route for its colour");
    return &pe->route[colour]->fifo[opposite(output)];
}

static bool all_have_room(struct ms_mesh *mesh, int index, int colour, int outputs, int used)
{
    struct pe *owner;
    if (outputs & used)
        return false;
    for (int port = 0; port < MS_PORTS; port++)
        if ((outputs & 1 << port) && !has_room(beyond(mesh, index, colour, (enum ms_port)port, &owner)))
            return false;
    return true;
}

static void forward(struct ms_mesh *mesh, int index, int colour, const struct wavelet *wavelet, int outputs)
{
    int copies = 0;
    for (int port = 0; port < MS_PORTS; port++) {
        if (!(outputs & 1 << port))
            continue;
        struct pe *owner;
        struct fifo *fifo = beyond(mesh, index, colour, (enum ms_port)port, &owner);
        struct wavelet moved = *wavelet;
        moved.ready = mesh->now + (port == MS_RAMP ? mesh->parameters.ramp_cycles : 1);
        push(mesh, fifo, moved);
        mesh->waiting[owner - mesh->pe] += port != MS_RAMP;
        mesh->outcome.link_wavelets += port != MS_RAMP;
        copies++;
    }
    mesh->outcome.copied += copies - 1;
    mesh->under_way += copies - 1;
}

/* One router, one cycle: colours take turns at who is asked first. */
static void route_wavelets(struct ms_mesh *mesh, int index)
{
    struct pe *pe = &mesh->pe[index];
    int used = 0;
    for (int i = 0; i < pe->colour_count; i++) {
        int colour = pe->colours[(int)((mesh->now + i) % pe->colour_count)];
        struct route *route = pe->route[colour];
        struct position *position = &route->position[route->current];
        struct fifo *fifo = &route->fifo[position->input];
        const struct wavelet *wavelet = head(mesh, fifo);
        if (!wavelet || !all_have_room(mesh, index, colour, position->outputs, used))
            continue;
        forward(mesh, index, colour, wavelet, position->outputs);
        pop(mesh, fifo);
        mesh->waiting[pe - mesh->pe]--;
        used |= position->outputs;
        if (position->count != MS_FOREVER && --position->count == 0 && route->current + 1 < route->positions)
            route->current++;
    }
}

/* What is left of a core's ports in this cycle. */
struct ports {
    bool in, out;
    int read_bytes, write_bytes;
};

static bool send(struct ms_mesh *mesh, struct pe *pe, int colour, const float *value, int delay,
                 struct ports *ports)
{
    struct fifo *fifo = &pe->route[colour]->fifo[MS_RAMP];
    ports->out = false;
    push(mesh, fifo,
         (struct wavelet){{value[0], value[1]}, mesh->now + delay + mesh->parameters.ramp_cycles});
    mesh->waiting[pe - mesh->pe]++;
    mesh->outcome.injected++;
    mesh->under_way++;
    return true;
}

static bool can_send(const struct pe *pe, int colour, const struct ports *ports)
{
    return ports->out && has_room(&pe->route[colour]->fifo[MS_RAMP]);
}

static void absorb(struct ms_mesh *mesh, struct pe *pe, int colour, struct ports *ports)
{
    pop(mesh, &pe->core[colour]);
    ports->in = false;
    mesh->outcome.absorbed++;
    mesh->under_way--;
}

/* One wavelet of an operation that moves some; false when it must wait. */
static bool move_one(struct ms_mesh *mesh, struct pe *pe, const struct ms_operation *op, int index,
                     struct ports *ports)
{
    float *memory = &pe->memory[2 * (op->at + index)];
    bool receives = op->kind != MS_SEND, adds = op->kind == MS_ADD || op->kind == MS_RELAY_ADD;
    bool sends = op->kind == MS_SEND || op->kind == MS_RELAY_ADD;
    int reads = adds || sends ? WAVELET_BYTES : 0;
    int writes = op->kind == MS_RECEIVE || op->kind == MS_ADD ? WAVELET_BYTES : 0;
    const struct wavelet *wavelet = receives ? head(mesh, &pe->core[op->colour]) : NULL;
    int way_out = op->kind == MS_RELAY_ADD ? op->to : op->colour;
    if (ports->read_bytes < reads || ports->write_bytes < writes)
        return false;
    if ((receives && (!ports->in || !wavelet)) || (sends && !can_send(pe, way_out, ports)))
        return false;
    float value[2] = {memory[0], memory[1]};
    if (receives) {
        for (int i = 0; i < 2; i++)
            value[i] = adds ? value[i] + wavelet->value[i] : wavelet->value[i];
        absorb(mesh, pe, op->colour, ports);
    }
    if (sends)
        send(mesh, pe, way_out, value, op->kind == MS_RELAY_ADD, ports);
    if (writes)
        memcpy(memory, value, sizeof value);
    ports->read_bytes -= reads;
    ports->write_bytes -= writes;
    return true;
}

/* One cycle of a vector operation. */
static void compute(struct ms_mesh *mesh, struct pe *pe, struct thread *thread, const struct ms_operation *op,
                    struct ports *ports)
{
    const struct ms_parameters *p = &mesh->parameters;
    mesh->moved = true;
    if (thread->pause < op->call_cycles) {
        thread->pause++;
    } else {
        bool cached = op->length <= p->cache_elements;
        int reads = cached ? ELEMENT_BYTES : 2 * ELEMENT_BYTES, writes = cached ? 0 : ELEMENT_BYTES;
        for (int i = 0; i < p->elements_per_cycle && thread->element < op->length; i++) {
            if (ports->read_bytes < reads || ports->write_bytes < writes)
                break;
            ports->read_bytes -= reads;
            ports->write_bytes -= writes;
            thread->element++;
        }
    }
    if (thread->pause == op->call_cycles && thread->element == op->length) {
        op->kernel(pe->memory, thread->done, op->context);
        thread->done++;
        thread->pause = thread->element = 0;
    }
}

/* Semaphores take no time: goes on to the next operation that does. NULL: the thread has ended or waits. */
static const struct ms_operation *next_timed(struct ms_mesh *mesh, struct pe *pe, struct thread *thread)
{
    while (thread->at < thread->operations) {
        const struct ms_operation *op = &thread->operation[thread->at];
        if (op->kind != MS_POST && op->kind != MS_WAIT)
            return op;
        if (op->kind == MS_WAIT && pe->semaphore[op->colour] < op->n)
            return NULL;
        pe->semaphore[op->colour] += op->kind == MS_WAIT ? -op->n : op->n;
        mesh->moved = true;
        if (++thread->at == thread->operations)
            mesh->threads_left[pe - mesh->pe]--;
    }
    return NULL;
}

static void run_core(struct ms_mesh *mesh, struct pe *pe)
{
    struct ports ports = {true, true, READ_BYTES, WRITE_BYTES};
    for (int t = MS_THREADS - 1; t >= 0; t--) {
        struct thread *thread = &pe->thread[t];
        const struct ms_operation *op = next_timed(mesh, pe, thread);
        if (!op)
            continue;
        if (op->kind == MS_AXPY)
            compute(mesh, pe, thread, op, &ports);
        else if (op->kind == MS_IDLE)
            mesh->moved = ++thread->done;
        else
            thread->done += move_one(mesh, pe, op, thread->done, &ports);
        if (thread->done < op->n)
            continue;
        thread->done = 0;
        mesh->outcome.cycles = mesh->now + 1;
        if (++thread->at == thread->operations)
            mesh->threads_left[pe - mesh->pe]--;
    }
}

static void describe_blocked(struct ms_mesh *mesh)
{
    static const char *const words[] = {"send", "receive", "add",  "relay and add",
                                        "axpy", "idle",    "post", "wait for semaphore"};
    struct ms_outcome *outcome = &mesh->outcome;
    outcome->deadlock = true;
    for (int i = 0; i < mesh->parameters.rows * mesh->parameters.columns; i++) {
        for (int t = 0; t < MS_THREADS; t++) {
            const struct thread *thread = &mesh->pe[i].thread[t];
            if (thread->at == thread->operations)
                continue;
            const struct ms_operation *op = &thread->operation[thread->at];
            snprintf(outcome->blocked, sizeof outcome->blocked,
                     "PE (%d, %d) thread %d: %s %d, after %d of %d, at cycle %lld",
                     i / mesh->parameters.columns, i % mesh->parameters.columns, t, words[op->kind],
                     op->colour, thread->done, op->n, (long long)mesh->now);
            return;
        }
    }
}

struct ms_outcome ms_run(struct ms_mesh *mesh)
{
    int pes = mesh->parameters.rows * mesh->parameters.columns;
    int64_t moved_at = 0, patience = mesh->parameters.ramp_cycles + 4;
    for (mesh->now = 0;; mesh->now++) {
        bool busy = false;
        mesh->moved = false;
        for (int i = 0; i < pes; i++) {
            if (mesh->threads_left[i] == 0)
                continue;
            run_core(mesh, &mesh->pe[i]);
            busy = busy || mesh->threads_left[i] > 0;
        }
        for (int i = 0; i < pes; i++)
            if (mesh->waiting[i] > 0)
                route_wavelets(mesh, i);
        settle(mesh);
        moved_at = mesh->moved ? mesh->now : moved_at;
        if (!busy && mesh->under_way == 0)
            break;
        if (mesh->now > moved_at + patience) {
            if (busy)
                describe_blocked(mesh);
            break;
        }
    }
    mesh->outcome.left = mesh->under_way;
    return mesh->outcome;
}
