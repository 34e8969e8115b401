#!/usr/bin/python3
"""Results do not depend on the number of ranks, and hold what the model says they must."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import h5py
import numpy

import kerf_command
from kerf_command import SCENARIOS, SMALL, KerfTest

RANKS = (1, 2, 3, 4, 8)
# Shorter than the scenarios as they are, but with all that is in them.
SHORT_FLEET = [
    *("workload.prompt_tokens=300", "workload.reasoning_tokens=20", "workload.answer_tokens=20"),
    *("systems.cs3-64-users.workload.users=16", "systems.cs3-64-users.workload.requests=32"),
    "systems.b200-fleet.workload.requests=60",
]
SHORT_STREAM = ["workload.prompt_tokens=1000", "workload.reasoning_tokens=60", "workload.answer_tokens=60"]


def differences(first, second):
    """What h5diff finds outside the provenance: its status, and its words about what it could not compare."""
    done = subprocess.run(
        ["h5diff", "-c", "--exclude-path", "/provenance", first, second], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def column_of(file, group, name):
    return file[f"{group}/{name}"][()]


class Results(KerfTest):
    def run_on(self, scenario, ranks, sets=(), name=None):
        output = self.folder / (name or f"{ranks}.h5")
        self.succeeds("run", scenario, "-q", "-o", output, *(w for s in sets for w in ("--set", s)), ranks=ranks)
        return output

    def same_on_all(self, scenario, sets):
        first = self.run_on(scenario, RANKS[0], sets)
        for ranks in RANKS[1:]:
            with self.subTest(scenario=scenario.name, ranks=ranks):
                self.assertEqual(differences(first, self.run_on(scenario, ranks, sets)), (0, ""))
        return first


class RankInvariance(Results):
    def test_every_feature(self):
        """A scenario with every feature gives one result on 1 to 8 ranks, and its accelerators are spread over them."""
        first = self.same_on_all(SMALL, [])
        for ranks in RANKS:
            with self.subTest(ranks=ranks), h5py.File(self.folder / f"{ranks}.h5") as file:
                self.assertEqual(int(file["provenance"].attrs["ranks"]), ranks)
                places = file["provenance/rank_of_accelerator"][()]
                self.assertEqual(set(places), set(range(ranks)))
                self.assertTrue((column_of(file, "accelerators", "events") > 0).all())
                remote = int(file["provenance"].attrs["remote_events"])
                if ranks in (1, 8):  # two ranks may share the systems between them
                    self.assertEqual(remote > 0, ranks == 8)
        other = self.run_on(SMALL, 1, ["seed=8"], "seed.h5")
        self.assertEqual(differences(first, other)[0], 1, "h5diff does not see another seed")

    def test_single_stream(self):
        """The single-stream scenario, shortened, gives one result on 1 to 8 ranks."""
        self.same_on_all(SCENARIOS / "kimi-k2.6-single-stream.yaml", SHORT_STREAM)

    def test_fleet(self):
        """The fleet scenario, shortened, gives one result on 1 to 8 ranks."""
        self.same_on_all(SCENARIOS / "kimi-k2.6-fleet.yaml", SHORT_FLEET)

    def test_single_stream_as_it_is(self):
        """The single-stream scenario as it is gives one result on 1 and 3 ranks."""
        scenario = SCENARIOS / "kimi-k2.6-single-stream.yaml"
        first, third = self.run_on(scenario, 1), self.run_on(scenario, 3)
        self.assertEqual(differences(first, third), (0, ""))


class Properties(Results):
    """What must hold in every result, whatever the figures are."""

    @classmethod
    def setUpClass(cls):
        """Two results that every test reads and none changes."""
        cls.results = cls("runTest")
        cls.results.setUp()
        cls.addClassCleanup(cls.results.doCleanups)
        small = cls.results.run_on(SMALL, 2, name="small.h5")
        fleet = cls.results.run_on(SCENARIOS / "kimi-k2.6-fleet.yaml", 3, SHORT_FLEET, "fleet.h5")
        cls.written = [small, fleet]

    def runTest(self):
        """Only there so that the class can be made before its tests."""

    def each(self):
        for path in self.written:
            with self.subTest(file=path.name), h5py.File(path) as file:
                yield file

    def test_parts_sum_to_times(self):
        """The parts of every request sum to its time to first token, and from there to its end."""
        for file in self.each():
            request = {name: dataset[()] for name, dataset in file["requests"].items()}
            first = request["first_token"] - request["arrival"]
            decode = request["finish"] - request["first_token"]
            numpy.testing.assert_allclose(request["first_part"].sum(axis=1), first, rtol=1e-6)
            numpy.testing.assert_allclose(request["decode_part"].sum(axis=1), decode, rtol=1e-6)
            self.assertTrue((first > 0).all())
            self.assertTrue((decode[request["output_tokens"] > 1] > 0).all())

    def test_every_request_is_answered(self):
        """Every system answers all its requests in every column, with the same lengths in every column."""
        for file in self.each():
            request = {name: dataset[()] for name, dataset in file["requests"].items()}
            systems, columns = file["summary/ttft"].shape
            for system in range(systems):
                lengths = []
                for column in range(columns):
                    rows = (request["system"] == system) & (request["column"] == column)
                    self.assertEqual(rows.sum(), file["summary/requests"][system, column])
                    lengths.append((request["prompt_tokens"][rows], request["output_tokens"][rows]))
                for other in lengths[1:]:
                    numpy.testing.assert_array_equal(lengths[0], other)
            self.assertTrue((request["rounds"] < request["output_tokens"]).all())

    def test_wafers_pass_on_every_token(self):
        """What wafers send on is the tokens of the first one times the wafers less one; without guesses it is exactly
        the prompts and all output tokens but the first."""
        for file in self.each():
            request = {name: dataset[()] for name, dataset in file["requests"].items()}
            wafer = {name: dataset[()] for name, dataset in file["accelerators"].items()}
            placed = set(column_of(file, "placement", "system"))
            for system in placed:
                for column in set(wafer["column"]):
                    rows = (wafer["system"] == system) & (wafer["column"] == column)
                    asked = (request["system"] == system) & (request["column"] == column)
                    prompts, outputs = request["prompt_tokens"][asked].sum(), request["output_tokens"][asked].sum()
                    rounds, count = request["rounds"][asked].sum(), asked.sum()
                    wafers = wafer["index"][rows].max() + 1
                    tokens = wafer["tokens"][rows & (wafer["index"] == 0)].sum()
                    self.assertEqual(wafer["tokens_sent_on"][rows].sum(), tokens * (wafers - 1))
                    self.assertGreaterEqual(tokens, prompts + rounds)
                    if rounds == outputs - count:
                        self.assertEqual(tokens, prompts + outputs - count)
                    # Every wafer of a replica handles the same passes.
                    for replica in set(wafer["replica"][rows]):
                        mine = rows & (wafer["replica"] == replica)
                        self.assertEqual(len(set(wafer["passes"][mine])), 1)
                        self.assertEqual(len(set(wafer["tokens"][mine])), 1)

    def test_gpus_of_a_replica_move_together(self):
        """All GPUs of a replica do the same steps, and are busy no longer than the run."""
        for file in self.each():
            accelerator = {name: dataset[()] for name, dataset in file["accelerators"].items()}
            on_gpus = ~numpy.isin(accelerator["system"], column_of(file, "placement", "system"))
            keys = set(zip(*(accelerator[name][on_gpus] for name in ("system", "column", "replica"))))
            for system, column, replica in keys:
                rows = on_gpus & (accelerator["system"] == system) & (accelerator["column"] == column)
                rows &= accelerator["replica"] == replica
                for name in ("passes", "tokens", "busy", "flops", "bytes"):
                    self.assertEqual(len(set(accelerator[name][rows])), 1, name)
                self.assertEqual(accelerator["tokens_sent_on"][rows].sum(), 0)
            end = max(column_of(file, "requests", "finish"))
            self.assertTrue((accelerator["busy"] <= end).all())

    def test_summary_is_that_of_the_requests(self):
        """Medians, speeds and throughput of the summary follow from the rows of the requests."""
        for file in self.each():
            request = {name: dataset[()] for name, dataset in file["requests"].items()}
            systems, columns = file["summary/ttft"].shape
            for system, column in numpy.ndindex(systems, columns):
                rows = (request["system"] == system) & (request["column"] == column)
                arrival, first, finish = (request[name][rows] for name in ("arrival", "first_token", "finish"))
                outputs = request["output_tokens"][rows]
                per_token = (finish - first)[outputs > 1] / (outputs[outputs > 1] - 1)
                expected = {
                    "ttft": numpy.median(first - arrival),
                    "tpot": numpy.median(per_token),
                    "output_speed_per_user": numpy.median(1 / per_token),
                    "e2e": numpy.median(finish - arrival),
                    "throughput": outputs.sum() / (finish.max() - arrival.min()),
                    "output_tokens": outputs.sum(),
                }
                for name, value in expected.items():
                    self.assertAlmostEqual(file[f"summary/{name}"][system, column] / value, 1.0, places=12, msg=name)

    def test_one_user_waits_for_nobody(self):
        """One user alone, without guesses, waits nowhere while the answer is written."""
        path = self.run_on(SCENARIOS / "kimi-k2.6-single-stream.yaml", 1, SHORT_STREAM, "alone.h5")
        with h5py.File(path) as file:
            waiting = [part.decode() for part in file["summary/part"][()]].index("waiting")
            names = [name.decode() for name in file["summary/system"][()]]
            parts = file["summary/tpot_part"][()]
            for system, name in enumerate(names):
                if not name.endswith("-spec"):
                    share = parts[system, :, waiting] / parts[system].sum(axis=1)
                    self.assertTrue((share < 1e-5).all(), f"{name}: {share}")

    def test_columns_are_in_order(self):
        """One user alone is served no slower in the nominal column than in the low one, and in the high one than in it."""
        path = self.run_on(SCENARIOS / "kimi-k2.6-single-stream.yaml", 1, SHORT_STREAM, "stream.h5")
        with h5py.File(path) as file:
            self.assertTrue((numpy.diff(file["summary/e2e"][()], axis=1) < 0).all())
            self.assertTrue((numpy.diff(file["summary/output_speed_per_user"][()], axis=1) > 0).all())

    def test_memory_fits(self):
        """No system uses more memory than it has."""
        for file in self.each():
            self.assertTrue((file["summary/memory_used"][()] <= file["summary/memory_capacity"][()]).all())
            self.assertTrue((file["summary/memory_used"][()] > 0).all())

    def test_every_table_says_what_it_holds(self):
        """Every dataset has a unit and a long name."""

        def check(name, node):
            if isinstance(node, h5py.Dataset):
                self.assertIn("long_name", node.attrs, name)
                if node.shape:
                    self.assertIn("units", node.attrs, name)

        for file in self.each():
            file.visititems(check)


if __name__ == "__main__":
    kerf_command.main()
