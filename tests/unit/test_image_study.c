/* Scenarios about images: read, printed and read again alike, refused with file and line, worked out. */
#include "sim/io/image_scenario.h"
#include "sim/study/image_study.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char smallest[] = "network: resnet50\nimages: {batch: 64}\nsystems:\n"
                               "  a: {hardware: h100-sxm, count: 2}\n"
                               "  b: {hardware: cs-3, count: 1, images: {mapping: pipelined}}\n";

static enum kerf_status open_text(const char *text, struct kerf_image_study **study, struct kerf_error *error)
{
    static const char *const catalogs[] = {KERF_SOURCE_DIR "/models/catalog", NULL};
    const struct kerf_scenario_source source = {.path = "s.yaml", .text = text};
    return kerf_image_study_open(MPI_COMM_NULL, &source, catalogs, study, error);
}

static void assert_refused(const char *text, const char *says)
{
    struct kerf_image_study *study;
    struct kerf_error error = {0};
    assert_int_equal(open_text(text, &study, &error), KERF_ERR_USAGE);
    kerf_image_study_free(study);
    if (!strstr(error.message, says))
        fail_msg("the message is\n  %s\nand not\n  %s", error.message, says);
}

/* The print-out of a scenario is a scenario: read again it is the same. */
static void test_prints_what_it_reads(void **state)
{
    (void)state;
    struct kerf_image_study *first, *second;
    struct kerf_error error = {0};
    char *text;
    size_t size;
    assert_int_equal(open_text(smallest, &first, &error), KERF_OK);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    kerf_image_scenario_print(out, &first->scenario);
    fclose(out);
    assert_int_equal(open_text(text, &second, &error), KERF_OK);
    assert_int_equal(second->scenario.systems, 2);
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(&first->scenario.system[i].work, &second->scenario.system[i].work,
                            sizeof first->scenario.system[i].work);
        assert_string_equal(first->scenario.system[i].title, second->scenario.system[i].title);
        for (int column = 0; column < first->columns; column++)
            assert_true(first->result[i][column].rate_per_s == second->result[i][column].rate_per_s);
    }
    free(text);
    kerf_image_study_free(first);
    kerf_image_study_free(second);
}

/* Every system has three columns, slower to faster, whose parts add up. */
static void test_columns(void **state)
{
    (void)state;
    struct kerf_image_study *study;
    struct kerf_error error = {0};
    assert_int_equal(open_text(smallest, &study, &error), KERF_OK);
    assert_int_equal(study->columns, 3);
    for (int system = 0; system < 2; system++)
        for (int column = 0; column < 3; column++) {
            const struct kerf_image_result *result = &study->result[system][column];
            double sum = 0.0;
            for (int part = 0; part < result->parts; part++)
                sum += result->part_s[part];
            assert_true(fabs(sum / result->batch_s - 1.0) < 1e-9);
            assert_true(column == 0 || result->rate_per_s > study->result[system][column - 1].rate_per_s);
            assert_true(result->used_bytes <= result->capacity_bytes);
        }
    kerf_image_study_free(study);
}

/* Guidance makes twice the work of a step; steps follow each other. */
static void test_steps_and_guidance(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "network: dit-xl-2\ncolumns: nominal\nimages: {batch: 32, steps: 10}\nsystems: {a: {hardware: "
        "h100-sxm, count: 1}}\n",
        "network: dit-xl-2\ncolumns: nominal\nimages: {batch: 32, steps: 20}\nsystems: {a: {hardware: "
        "h100-sxm, count: 1}}\n",
        "network: dit-xl-2\ncolumns: nominal\nimages: {batch: 32, steps: 10, guided: 2}\nsystems: {a: "
        "{hardware: h100-sxm, count: 1}}\n"};
    double batch_s[3];
    for (int i = 0; i < 3; i++) {
        struct kerf_image_study *study;
        struct kerf_error error = {0};
        assert_int_equal(open_text(texts[i], &study, &error), KERF_OK);
        batch_s[i] = study->result[0][0].batch_s;
        kerf_image_study_free(study);
    }
    assert_true(fabs(batch_s[1] / batch_s[0] - 2.0) < 1e-9);
    assert_true(batch_s[2] > 1.7 * batch_s[0] && batch_s[2] < 2.05 * batch_s[0]);
}

/* A diffusion language model: more steps take longer in proportion, and one wafer whose layers take turns
 * beats one whose layers stand in a row for one answer, and loses to it for many. */
static void test_answers_by_denoising(void **state)
{
    (void)state;
    struct kerf_image_study *study;
    struct kerf_error error = {0};
    assert_int_equal(
        open_text(
            "network: llada-8b\ncolumns: nominal\nimages: {prompt: 256, answer: 256, "
            "steps: 64}\nsystems:\n  turn: {hardware: cs-3, count: 1}\n  row: {hardware: cs-3, count: 1, "
            "images: {mapping: pipelined}}\n  gpu: {hardware: h100-sxm, count: 1}\n  half: {hardware: "
            "h100-sxm, count: 1, images: {steps: 32}}\n",
            &study, &error),
        KERF_OK);
    assert_true(study->result[0][0].batch_s < study->result[1][0].batch_s);
    assert_true(study->result[0][0].rate_per_s < study->result[1][0].rate_per_s);
    assert_true(fabs(study->result[2][0].batch_s / study->result[3][0].batch_s - 2.0) < 1e-9);
    kerf_image_study_free(study);
}

/* What is wrong is said with file and line. */
static void test_refusals(void **state)
{
    (void)state;
    assert_refused("network: resnet50\nimages: {btach: 1}\nsystems: {a: {hardware: h100-sxm, count: 1}}\n",
                   "s.yaml:2: images: unknown key 'btach'; did you mean 'batch'?");
    assert_refused("network: resnet50\nimages: {}\nsystems: {a: {hardware: h100-sxm, count: 2}}\n",
                   "s.yaml:3: systems.a: a batch of 1 images leaves some of the 2 accelerators without");
    assert_refused("network: llama-3.1-8b\nimages: {}\nsystems: {a: {hardware: h100-sxm, count: 1}}\n",
                   "s.yaml:1: llama-3.1-8b writes one token after the other");
    assert_refused("network: llada-8b\nimages: {}\nsystems: {a: {hardware: h100-sxm, count: 1}}\n",
                   "images.answer: a diffusion language model needs an answer");
    assert_refused("network: resnet50\nimages: {task: training, stack: none}\nsystems: {a: {hardware: "
                   "h100-sxm, count: 1}}\n",
                   "images.stack: 'none' is none of image-graph, diffusion-graph, diffusion-2023");
    assert_refused("network: resnet50\nimages: {}\nsystems: {a: {hardware: h100-sxm, count: 1, weights: "
                   "int4}}\n",
                   "weights: 'int4' is none of bf16, fp16, fp8");
    assert_refused("network: resnet50\nimages: {}\n", "systems: missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prints_what_it_reads),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_steps_and_guidance),
        cmocka_unit_test(test_answers_by_denoising),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
