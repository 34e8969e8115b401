#!/usr/bin/python3
"""A rehearsal has the rounds of a real run, the training step takes the time of its closed form, and promises pay.

    tests/bench/test_scaling.py BUILD
"""

import sys
import unittest

import measuring
import scaling

STEP = "--pipeline 4 --tensor 2 --data 2 --micro-batches 8".split()
build = None


class Scaling(unittest.TestCase):
    def run_once(self, *arguments, ranks=1):
        program = measuring.find_program(build, "bench_scaling")
        self.assertIsNotNone(program, "bench_scaling is not built")
        return measuring.run(program, arguments, ranks)[0]

    def test_closed_form(self):
        """The program itself fails unless equal operators and free messages give the 1F1B time (arXiv 2104.04473)."""
        for shape in (STEP, "--pipeline 1 --tensor 1 --data 3 --micro-batches 2".split(), [*STEP, "--micro-batches", 2]):
            for ranks in (1, 2):
                self.run_once("--check", *shape, ranks=ranks)

    def test_unequal_operators_take_longer(self):
        line = self.run_once(*STEP)
        self.assertGreater(line["passes_s"], line["closed_form_s"])
        self.assertGreater(line["step_s"], line["passes_s"])

    def check_rehearsal(self, *arguments, of_ranks):
        """Real rounds are bounded in wall time too, which may cut a few."""
        rounds = {}
        for ranks in of_ranks:
            rehearsed = self.run_once(*arguments, "--rehearse", ranks)
            real = self.run_once(*arguments, ranks=ranks)
            self.assertEqual((real["digest"], real["events"]), (rehearsed["digest"], rehearsed["events"]))
            self.assertLessEqual(rehearsed["rounds"], real["rounds"])
            self.assertLessEqual(real["rounds"], 1.02 * rehearsed["rounds"] + 20)
            self.assertLessEqual(real["events_most"], rehearsed["rehearsed_events"])
            self.assertLessEqual(rehearsed["critical_events"], rehearsed["rehearsed_events"])
            rounds[ranks] = rehearsed["rounds"]
        return rounds

    def test_rehearsal_of_training(self):
        """And with promises ranks meet ten times less often, though accelerators talk every few operators."""
        silent = self.check_rehearsal(*STEP, of_ranks=(2, 3, 4))
        plain = self.check_rehearsal(*STEP, "--no-promises", of_ranks=(2, 3, 4))
        for ranks, rounds in silent.items():
            self.assertLess(10 * rounds, plain[ranks])

    def test_rehearsal_of_fleet(self):
        self.check_rehearsal("--model", "fleet", "--requests", 20, of_ranks=(3,))

    def test_wrong_settings_are_refused(self):
        for wrong in (["--model", "none"], ["--pipeline", 65], ["--tensor", 0], ["--spread", 1]):
            with self.subTest(wrong=wrong), self.assertRaisesRegex(measuring.Failed, "status 2"):
                self.run_once(*wrong)


class Projecting(unittest.TestCase):
    def test_time(self):
        """10 us of events on the busiest rank and 5 meetings of 3 us."""
        line = {"rehearsed_events": 100, "rounds": 5}
        self.assertAlmostEqual(scaling.project(line, 100e-9, 3e-6), 25e-6)

    def test_meeting_in_a_network(self):
        costs = scaling.Costs(event_s=1e-7, here_s=1e-6, network_s=2e-6)
        self.assertAlmostEqual(costs.meeting_s(1024, network=True), 20e-6)
        self.assertEqual(costs.meeting_s(1024, network=False), 1e-6)


if __name__ == "__main__":
    build = sys.argv.pop(1)
    unittest.main(verbosity=2)
