/* Matrix products on the cycle-driven mesh. */
#include "programs.h"

#include <stdlib.h>

/* Small whole numbers, so that sums are exact in any order. */
static float entry(int i, int j)
{
    return (float)((i * 7 + j * 5) % 11 - 5);
}

int ms_gemv_memory(const struct ms_gemv *gemv, const struct ms_parameters *p)
{
    int kt = gemv->K / p->rows, nt = gemv->N / p->columns;
    return gemv->M * nt + gemv->M * kt + kt * nt + 4;
}

/* y lies token by token, or output by output when calls run over the tokens. */
static int y_index(const struct ms_gemv *gemv, int token, int output)
{
    return gemv->y + (gemv->by_tokens ? output * gemv->M + token : token * gemv->nt + output);
}

static void gemv_call(float *memory, int call, const void *context)
{
    const struct ms_gemv *gemv = context;
    if (gemv->by_tokens) {
        int k = call / gemv->nt, output = call % gemv->nt;
        for (int token = 0; token < gemv->M; token++)
            memory[y_index(gemv, token, output)] +=
                memory[gemv->weights + call] * memory[gemv->x + token * gemv->kt + k];
        return;
    }
    int token = call / gemv->kt, k = call % gemv->kt;
    for (int output = 0; output < gemv->nt; output++)
        memory[y_index(gemv, token, output)] +=
            memory[gemv->x + call] * memory[gemv->weights + k * gemv->nt + output];
}

static void fill_gemv(float *memory, const struct ms_gemv *gemv, int row, int column)
{
    for (int token = 0; token < gemv->M; token++)
        for (int k = 0; k < gemv->kt; k++)
            memory[gemv->x + token * gemv->kt + k] = entry(row * gemv->kt + k, token);
    for (int k = 0; k < gemv->kt; k++)
        for (int output = 0; output < gemv->nt; output++)
            memory[gemv->weights + k * gemv->nt + output] =
                entry(column * gemv->nt + output, row * gemv->kt + k);
}

void ms_gemv(struct ms_mesh *mesh, struct ms_gemv *gemv)
{
    const struct ms_parameters *p = ms_parameters_of(mesh);
    int kt = gemv->kt = gemv->K / p->rows, nt = gemv->nt = gemv->N / p->columns;
    gemv->y = 0;
    gemv->x = gemv->M * nt;
    gemv->weights = gemv->x + gemv->M * kt;
    struct ms_operation local = {.kind = MS_AXPY,
                                 .n = gemv->by_tokens ? kt * nt : gemv->M * kt,
                                 .length = gemv->by_tokens ? gemv->M : nt,
                                 .call_cycles = gemv->by_tokens ? gemv->token_call_cycles : p->call_cycles,
                                 .kernel = gemv_call,
                                 .context = gemv};
    for (int column = 0; column < p->columns; column++) {
        for (int row = 0; row < p->rows; row++) {
            fill_gemv(ms_memory(mesh, row, column), gemv, row, column);
            ms_append(mesh, row, column, 0, local);
        }
        struct ms_line line = ms_column(mesh, column);
        int B = gemv->M * nt / 2;
        if (!gemv->two_phase) {
            ms_ktree(&line, B, gemv->groups, 0);
            continue;
        }
        ms_two_phase(&line, B, gemv->groups, 0);
        ms_broadcast(&line, 0, p->rows - 1, B, 4);
    }
}

int ms_gemv_wrong(struct ms_mesh *mesh, const struct ms_gemv *gemv)
{
    const struct ms_parameters *p = ms_parameters_of(mesh);
    int wrong = 0;
    for (int column = 0; column < p->columns; column++) {
        for (int token = 0; token < gemv->M; token++) {
            for (int output = 0; output < gemv->nt; output++) {
                float sum = 0.0f;
                for (int k = 0; k < gemv->K; k++)
                    sum += entry(k, token) * entry(column * gemv->nt + output, k);
                for (int row = 0; row < p->rows; row++)
                    wrong += ms_memory(mesh, row, column)[y_index(gemv, token, output)] != sum;
            }
        }
    }
    return wrong;
}

/* The ring 0, 2, 4, ... up and ..., 3, 1 down: its neighbours are at most two PEs apart. Place on the line of
 * a ring position, and back. */
static int place_of(int position, int P)
{
    return position < P / 2 ? 2 * position : 2 * (P - 1 - position) + 1;
}

static int position_of(int place, int P)
{
    return place % 2 == 0 ? place / 2 : P - 1 - place / 2;
}

/* Threads of the core and their semaphores. */
enum { PRODUCT, SEND_A, RECEIVE_A, SEND_B, RECEIVE_B };
enum { GO, MOVED = MS_THREADS };

int ms_cannon_memory(const struct ms_cannon *cannon)
{
    return cannon->m * cannon->n + 1 + 2 * (cannon->m * cannon->k + cannon->k * cannon->n);
}

/* A colour per parity of place and of ring position: a router has then one input for each. */
static int ring_colour(int base, int place, int P)
{
    return base + 2 * (place % 2) + position_of(place, P) % 2;
}

static void ring_routes(struct ms_mesh *mesh, int P, int base, bool along_row, int fixed, int way)
{
    struct ms_line line = along_row ? ms_row(mesh, fixed) : ms_column(mesh, fixed);
    enum ms_port forth = line.along, rear = along_row ? MS_WEST : MS_NORTH;
    for (int place = 0; place < P; place++) {
        int next = place_of((position_of(place, P) + way + P) % P, P), colour = ring_colour(base, place, P);
        int step = next > place ? 1 : -1;
        enum ms_port out = step > 0 ? forth : rear, in = step > 0 ? rear : forth;
        for (int i = place;; i += step) {
            int row = along_row ? fixed : i, column = along_row ? i : fixed;
            ms_route(mesh, row, column, colour, i == place ? MS_RAMP : in, 1 << (i == next ? MS_RAMP : out),
                     MS_FOREVER);
            if (i == next)
                break;
        }
    }
}

static struct ms_operation semaphore(enum ms_kind kind, int which, int n)
{
    return (struct ms_operation){.kind = kind, .colour = which, .n = n};
}

/* Shift number `shift` of one operand: the tile in the buffer goes to the ring neighbour, the other's comes
 * into the other buffer. */
static void shift_tile(struct ms_mesh *mesh, int row, int column, int thread, int base, int way, int P,
                       const int *buffer, int shift, int wavelets)
{
    int place = thread == SEND_A ? column : row;
    int from = place_of((position_of(place, P) - way + P) % P, P);
    struct ms_operation out = {
        .kind = MS_SEND, .colour = ring_colour(base, place, P), .at = buffer[shift % 2] / 2, .n = wavelets};
    struct ms_operation in = {.kind = MS_RECEIVE,
                              .colour = ring_colour(base, from, P),
                              .at = buffer[(shift + 1) % 2] / 2,
                              .n = wavelets};
    ms_append(mesh, row, column, thread, semaphore(MS_WAIT, GO + thread, 1));
    ms_append(mesh, row, column, thread, out);
    ms_append(mesh, row, column, thread, semaphore(MS_POST, MOVED, 1));
    ms_append(mesh, row, column, thread + 1, semaphore(MS_WAIT, GO + thread + 1, 1));
    ms_append(mesh, row, column, thread + 1, in);
    ms_append(mesh, row, column, thread + 1, semaphore(MS_POST, MOVED, 1));
}

static void cannon_call(float *memory, int call, const void *context)
{
    const struct ms_cannon_pair *pair = context;
    const struct ms_cannon *cannon = pair->whole;
    const float *a = &memory[cannon->a[pair->a]], *b = &memory[cannon->b[pair->b]];
    int k = call / cannon->n, column = call % cannon->n;
    for (int row = 0; row < cannon->m; row++)
        memory[cannon->c + row * cannon->n + column] += a[row * cannon->k + k] * b[k * cannon->n + column];
}

/* Shifts of an operand that skewing takes, and which way round is shorter. */
struct skew {
    int shifts, way;
};

static struct skew skew_of(int position, int P)
{
    return position <= P / 2 ? (struct skew){position, -1} : (struct skew){P - position, 1};
}

static void start_and_join(struct ms_mesh *mesh, int row, int column, int first, int threads,
                           const struct ms_operation *beside)
{
    for (int thread = first; thread < first + threads; thread++)
        ms_append(mesh, row, column, PRODUCT, semaphore(MS_POST, GO + thread, 1));
    if (beside)
        ms_append(mesh, row, column, PRODUCT, *beside);
    ms_append(mesh, row, column, PRODUCT, semaphore(MS_WAIT, MOVED, threads));
}

enum { RING_A = 0, RING_B = 4, SKEW_A = 8, SKEW_B = 12 };

static void program_pe(struct ms_mesh *mesh, struct ms_cannon *cannon, int row, int column, int P)
{
    int a_wavelets = cannon->m * cannon->k / 2, b_wavelets = cannon->k * cannon->n / 2;
    struct skew a = skew_of(position_of(row, P), P), b = skew_of(position_of(column, P), P);
    for (int s = 0; s < a.shifts || s < b.shifts; s++) {
        if (s < a.shifts)
            shift_tile(mesh, row, column, SEND_A, a.way < 0 ? RING_A : SKEW_A, a.way, P, cannon->a, s,
                       a_wavelets);
        if (s < b.shifts)
            shift_tile(mesh, row, column, SEND_B, b.way < 0 ? RING_B : SKEW_B, b.way, P, cannon->b, s,
                       b_wavelets);
        int first = s < a.shifts ? SEND_A : SEND_B;
        start_and_join(mesh, row, column, first, s < a.shifts && s < b.shifts ? 4 : 2, NULL);
    }
    for (int step = 0; step < P; step++) {
        int a_at = (a.shifts + step) % 2, b_at = (b.shifts + step) % 2;
        struct ms_operation product = {.kind = MS_AXPY,
                                       .n = cannon->k * cannon->n,
                                       .length = cannon->m,
                                       .call_cycles = cannon->call_cycles,
                                       .kernel = cannon_call,
                                       .context = &cannon->pair[2 * a_at + b_at]};
        shift_tile(mesh, row, column, SEND_A, RING_A, -1, P, cannon->a, a.shifts + step, a_wavelets);
        shift_tile(mesh, row, column, SEND_B, RING_B, -1, P, cannon->b, b.shifts + step, b_wavelets);
        start_and_join(mesh, row, column, SEND_A, 4, &product);
        ms_append(mesh, row, column, PRODUCT,
                  (struct ms_operation){.kind = MS_IDLE, .n = cannon->step_cycles});
    }
}

static void fill_cannon(float *memory, const struct ms_cannon *cannon, int i, int j)
{
    for (int row = 0; row < cannon->m; row++)
        for (int k = 0; k < cannon->k; k++)
            memory[cannon->a[0] + row * cannon->k + k] = entry(i * cannon->m + row, j * cannon->k + k);
    for (int k = 0; k < cannon->k; k++)
        for (int column = 0; column < cannon->n; column++)
            memory[cannon->b[0] + k * cannon->n + column] = entry(j * cannon->n + column, i * cannon->k + k);
}

void ms_cannon(struct ms_mesh *mesh, struct ms_cannon *cannon)
{
    int P = ms_parameters_of(mesh)->rows, a = cannon->m * cannon->k, b = cannon->k * cannon->n;
    cannon->c = 0;
    cannon->a[0] = (cannon->m * cannon->n + 1) / 2 * 2;
    cannon->a[1] = cannon->a[0] + a;
    cannon->b[0] = cannon->a[1] + a;
    cannon->b[1] = cannon->b[0] + b;
    for (int i = 0; i < 4; i++)
        cannon->pair[i] = (struct ms_cannon_pair){cannon, i / 2, i % 2};
    for (int line = 0; line < P; line++) {
        ring_routes(mesh, P, RING_A, true, line, -1);
        ring_routes(mesh, P, RING_B, false, line, -1);
        ring_routes(mesh, P, SKEW_A, true, line, 1);
        ring_routes(mesh, P, SKEW_B, false, line, 1);
    }
    for (int row = 0; row < P; row++) {
        for (int column = 0; column < P; column++) {
            fill_cannon(ms_memory(mesh, row, column), cannon, position_of(row, P), position_of(column, P));
            program_pe(mesh, cannon, row, column, P);
        }
    }
}

int ms_cannon_wrong(struct ms_mesh *mesh, const struct ms_cannon *cannon)
{
    int P = ms_parameters_of(mesh)->rows, m = cannon->m, n = cannon->n, wrong = 0;
    for (int i = 0; i < P * m; i++) {
        for (int j = 0; j < P * n; j++) {
            float sum = 0.0f;
            for (int k = 0; k < P * cannon->k; k++)
                sum += entry(i, k) * entry(j, k);
            const float *memory = ms_memory(mesh, place_of(i / m, P), place_of(j / n, P));
            wrong += memory[cannon->c + i % m * n + j % n] != sum;
        }
    }
    return wrong;
}
