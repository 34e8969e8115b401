#!/usr/bin/python3
"""The benchmarks run, give one result on any number of ranks and that of the reference engine, and can be read.

    tests/bench/test_bench.py BUILD
"""

import contextlib
import io
import sys
import unittest

import check_instructions
import measuring
import run

RANKS = (1, 2, 3)
build = None


class Benchmarks(unittest.TestCase):
    def one_result(self, name, *arguments):
        """The lines on 1, 2, 3 ranks and of the reference engine agree; the first of them."""
        program = measuring.find_program(build, name)
        self.assertIsNotNone(program, f"{name} is not built")
        lines = [measuring.run(program, arguments, ranks)[0] for ranks in RANKS]
        lines.append(measuring.run(program, [*arguments, "--reference"])[0])
        for key in ("digest", "events"):
            self.assertEqual(len({line[key] for line in lines}), 1, [line[key] for line in lines])
        self.assertEqual([line["ranks"] for line in lines], [*RANKS, 1])
        return lines[0]

    def test_phold(self):
        """About as many events as asked for."""
        line = self.one_result("bench_phold", "--lps", 50, "--events", 4, "--total", 10000)
        self.assertAlmostEqual(line["events"], 10000, delta=1000)

    def test_phold_with_everything(self):
        settings = "--lps 300 --events 3 --remote 0.9 --skew 0.5 --state 256 --payload 32 --lookahead 0.02 --end 20"
        base = self.one_result("bench_phold", *settings.split())
        other = self.one_result("bench_phold", *settings.split(), "--seed", 2)
        self.assertNotEqual(base["digest"], other["digest"])

    def test_collectives_even(self):
        """The program itself fails unless the completion time is the closed form."""
        for algorithm in ("ring", "halving-doubling"):
            line = self.one_result("bench_collectives", "--algorithm", algorithm, "--ranks", 16)
            self.assertEqual(line["completion_us"], line["closed_form_us"])

    def test_collectives_uneven(self):
        for algorithm in ("ring", "halving-doubling"):
            line = self.one_result("bench_collectives", "--algorithm", algorithm, "--ranks", 32, "--uneven", 0.5)
            self.assertGreater(line["completion_us"], line["closed_form_us"])

    def test_heat(self):
        """The solver keeps energy and finds one answer on any number of ranks."""
        program = measuring.find_program(build, "bench_heat")
        lines = [measuring.run(program, ["--columns", 60, "--rows", 40], ranks)[0] for ranks in RANKS]
        for line in lines:
            self.assertLess(float(line["balance"]), 1e-6)
            self.assertAlmostEqual(line["hottest_K"], lines[0]["hottest_K"], delta=1e-4)
            self.assertAlmostEqual(line["drop_mV"], lines[0]["drop_mV"], delta=1e-4)

    def test_fabric(self):
        """A ring that shares no link takes its closed form; routing by hash makes an all-to-all slower."""
        small = ["--gpus", 64, "--rails", 2, "--leaf", 4, "--bytes", 64e6]
        even = self.one_result("bench_fabric", *small)
        hashed = self.one_result("bench_fabric", *small, "--ecmp")
        folded = self.one_result("bench_fabric", *small, "--ecmp", "--fold")
        self.assertEqual(folded["completion_us"], hashed["completion_us"])
        self.assertLess(folded["events"], hashed["events"])
        self.assertGreater(hashed["completion_us"], even["completion_us"])
        ring = self.one_result("bench_fabric", "--operation", "ring", "--gpus", 64, "--rails", 2, "--leaf", 32)
        self.assertLessEqual(ring["completion_us"], ring["alone_us"])

    def test_pipeline(self):
        """Without noise the program itself fails unless the step ends when the closed form says."""
        small = ["--gpus", 96, "--tensor", 2, "--stages", 4, "--micro-batches", 8]
        even = self.one_result("bench_pipeline", *small)
        self.assertEqual((even["replicas"], even["lps_simulated"]), (12, 52))
        self.assertEqual(self.one_result("bench_pipeline", *small, "--fold")["lps_simulated"], 8)
        noisy = self.one_result("bench_pipeline", *small, "--noise", 0.01, "--sigma", 0.02)
        self.assertGreater(noisy["step_s"], even["step_s"])
        for schedule, chunks in (("interleaved", 3), ("zb-h1", 1), ("zbv", 2), ("dualpipe", 2)):
            self.one_result("bench_pipeline", *small, "--schedule", schedule, "--chunks", chunks)

    def test_hold(self):
        lines = measuring.run(measuring.find_program(build, "bench_hold"), ["--pending", 300, "--holds", 5000])
        self.assertEqual([line["loop"] for line in lines], ["heap", "touch", "wheel", "draw"])
        self.assertTrue(all(5000 <= line["holds"] <= 5300 for line in lines))

    def test_flows(self):
        for pattern in ("shift", "random"):
            arguments = ["--pattern", pattern, "--flows", 50, "--total", 2000, "--k", 4]
            line = measuring.run(measuring.find_program(build, "bench_flows"), arguments)[0]
            self.assertEqual((line["hosts"], line["events"]), (16, 2000))

    def test_wrong_settings_are_refused(self):
        program = measuring.find_program(build, "bench_phold")
        for wrong in (["--lp", 3], ["--lps", "many"], ["--lps", "0"], ["--lps"], ["--remote", 1.5], ["--lps", "1x"]):
            with self.subTest(wrong=wrong), self.assertRaisesRegex(measuring.Failed, "status 2"):
                measuring.run(program, wrong)


class Reading(unittest.TestCase):
    def test_lines(self):
        """Numbers are numbers, digests stay words, and what else is printed is passed over."""
        lines = measuring.read_lines(
            "other output\nbench=phold events=12 run_s=0.5 digest=0000000000000012 note='busy machine'\n"
        )
        self.assertEqual(len(lines), 1)
        self.assertEqual((lines[0]["events"], lines[0]["digest"]), (12, "0000000000000012"))
        self.assertEqual((lines[0]["run_s"], lines[0]["note"]), (0.5, "busy machine"))

    def test_table(self):
        """A row as wide as its heads, with the star of a busy machine where it belongs."""
        cells = {"benchmark": "PHOLD", "1 rank": run.million(12.34e6, busy=True), "target": ">= 10 M/s: met"}
        with contextlib.redirect_stdout(io.StringIO()) as output:
            run.print_table([cells], 2)
        head, line, row = output.getvalue().splitlines()
        self.assertEqual(row, "| PHOLD     | 12.3*  | >= 10 M/s: met |")
        self.assertEqual(len(head), len(row))
        self.assertEqual(len(line), len(row))

    def test_gate(self):
        """5 % more instructions than the bound are let through, more are not, and there is no bound of 0."""
        for measured, in_bounds in ((500.0, True), (1000.0, True), (1049.0, True), (1051.0, False)):
            self.assertEqual(check_instructions.judge("case", measured, 1000.0)[1], in_bounds)
        self.assertFalse(check_instructions.judge("case", 1000.0, 0.0)[1])
        self.assertTrue(all(float(row["instructions_per_event"]) > 100.0 for row in check_instructions.bounds()[1]))


if __name__ == "__main__":
    build = sys.argv.pop(1)
    unittest.main(verbosity=2)
