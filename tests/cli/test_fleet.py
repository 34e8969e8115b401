#!/usr/bin/python3
"""Fleets behind a router: the same on any number of ranks and after a restart, and what is wrong is said."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "mpi"))

import h5py
import kerf_command
from kerf_command import KerfTest
from test_results import differences

ROUTERS = ["none", "fewest", "round-robin", "least-tokens", "random", "two-choices", "session", "prefix"]
HEAD = """\
network: llama-3.1-8b
workload: {arrivals: poisson, rate: 60 1/s, requests: 150, prompt_tokens: 500, answer_tokens: 60, length_ratio_least: 0.2}
systems:
"""
SYSTEM = "  {}: {{hardware: h100-sxm, count: 1, replicas: 4, fleet: {{{}}}}}\n"
SCALED = "router: fewest, autoscale: on, requests_per_replica: 4, look_interval: 50 ms, start_time: 0.2 s, cool_down: 0.3 s"
SCENARIO = (
    HEAD
    + "".join(SYSTEM.format(name, f"router: {name}, router_latency: 1 ns") for name in ROUTERS)
    + SYSTEM.format("scaled", SCALED)
    + "  pools:\n    hardware: h100-sxm\n    count: 1\n    fleet: {router: random}\n"
    + "    pools: {prefill: {replicas: 2}, decode: {replicas: 2}}\n"
    + "  wafers: {hardware: cs-3, count: 1, replicas: 2, fleet: {router: random}}\n"
)


class Fleet(KerfTest):
    def setUp(self):
        super().setUp()
        self.path = self.write("fleet.yaml", SCENARIO)
        self.result = self.folder / "x.h5"

    def test_any_number_of_ranks_and_a_restart(self):
        """1, 2 and 3 ranks, and a run that goes on from a checkpoint, give the same result, to the last bit."""
        kept = self.folder / "ck.h5"
        for ranks in (1, 2, 3):
            output = self.folder / f"{ranks}.h5"
            more = ("--checkpoint", kept, "--checkpoint-every", "0.1") if ranks == 2 else ()
            self.succeeds("run", self.path, "-q", "-o", output, *more, ranks=ranks)
            self.assertEqual(differences(self.folder / "1.h5", output), (0, ""))
        self.succeeds("run", "--restart", kept, "-q", "-o", self.result)
        self.assertEqual(differences(self.folder / "1.h5", self.result), (0, ""))

    def test_who_answered(self):
        """`fewest` deals as users do, `round-robin` in turn, and a fleet that scales runs for less time."""
        self.succeeds("run", self.path, "-q", "-o", self.result)
        with h5py.File(self.result) as file:
            summary, requests = file["summary"], file["requests"]

            def of(name, column):
                mine = (requests["system"][:] == names.index(name)) & (requests["column"][:] == 1)
                return list(requests[column][:][mine])

            names = [name.decode() for name in summary["system"][:]]
            self.assertEqual(of("none", "replica"), of("fewest", "replica"))
            self.assertEqual(of("round-robin", "replica"), [i % 4 for i in range(150)])
            for name in names:
                self.assertGreater(len(set(of(name, "replica"))), 1)
            for a, b in zip(of("none", "first_token"), of("fewest", "first_token")):
                self.assertAlmostEqual(a, b, delta=1e-6)
            time, span = summary["accelerator_time"][:, 1], max(of("scaled", "finish"))
            self.assertLess(time[names.index("scaled")], 0.9 * 4 * span)
            self.assertGreater(time[names.index("scaled")], span)
            self.assertAlmostEqual(time[names.index("none")], 4 * (max(of("none", "finish")) - min(of("none", "arrival"))), delta=1e-6)

    def test_scenario_reads_back(self):
        """What kerf check prints of fleets is a scenario that prints the same."""
        first = self.succeeds("check", self.path)
        self.assertEqual(self.succeeds("check", self.write("again.yaml", first)), first)

    def test_what_is_wrong(self):
        """Keys that contradict each other are said with their line."""
        cases = [
            (r"b\.yaml:4: systems\.a\.fleet: autoscale needs a router", "autoscale: on"),
            (r"systems\.a\.fleet: replicas_least is more than replicas", "router: fewest, autoscale: on, replicas_least: 5"),
            (r"systems\.a\.fleet\.router: 'least' is not a choice; the choices are none, fewest,", "router: least"),
            (r"systems\.a\.fleet\.requests_per_replica: ", "router: fewest, requests_per_replica: 0"),
            (r"systems\.a\.fleet: unknown key 'cooldown'; did you mean 'cool_down'\?", "cooldown: 1 s"),
        ]
        for number, (says, fleet) in enumerate(cases):
            with self.subTest(says=says):
                path = self.write("b.yaml", HEAD + SYSTEM.format("a", fleet))
                self.refuses(2, says, "run", path, "-o", self.result, ranks=(1,) if number else (1, 3))
        path = self.write("b.yaml", SCENARIO.replace("{router: random}\n", "{router: random, autoscale: on}\n"))
        self.refuses(2, r"systems\.pools\.fleet: pools do not change their size", "run", path, ranks=(1,))


if __name__ == "__main__":
    kerf_command.main()
