"""Training scenarios as a user meets them: the files that ship run, say the same on any number of ranks, are kept as
HDF5, and what cannot run is explained.

    test_training.py KERF
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import h5py

SCENARIOS = pathlib.Path(__file__).resolve().parents[2] / "scenarios"
KERF = sys.argv.pop(1)
SMALL = """network: llama-3.1-8b
training: {global_batch: 64, sequence: 4096}
systems:
  a: {hardware: h100-sxm, count: 8, parallel: {tensor: 2}}
"""


def kerf(*arguments, ranks=1):
    launcher = [] if ranks == 1 else ["mpirun", "-n", str(ranks)]
    return subprocess.run([*launcher, KERF, *map(str, arguments)], capture_output=True, text=True, timeout=120)


class Training(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.small = pathlib.Path(self.folder.name, "small.yaml")
        self.small.write_text(SMALL)

    def good(self, *arguments, **options):
        done = kerf(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_shipped_scenarios_run_on_any_number_of_ranks(self):
        for path in SCENARIOS.glob("*-training.yaml"):
            with self.subTest(path.name):
                one = self.good("run", path)
                self.assertNotIn("nan", one.lower())
                self.assertNotIn("does not fit", one)
                self.assertEqual(one, self.good("run", path, ranks=2))

    def test_result_has_the_table(self):
        output = pathlib.Path(self.folder.name, "result.h5")
        table = self.good("run", self.small, "-o", output, ranks=2)
        self.assertEqual(table, self.good("show", output) + f"\nresult: {output}\n")
        with h5py.File(output) as file:
            training = file["training"]
            self.assertEqual(training["step_time"].shape, (1, 3))
            low, nominal, high = training["step_time"][0]
            self.assertTrue(low > nominal > high > 0)
            self.assertAlmostEqual(training["part_time"][0, 1].sum() / nominal, 1.0)
            self.assertEqual(training["tokens_per_step"][0, 1], 64 * 4096)

    def test_wafers_stand_beside_gpus(self):
        output = pathlib.Path(self.folder.name, "result.h5")
        settings = ["--set", "systems.b.hardware=cs-3", "--set", "systems.b.count=4"]
        table = self.good("run", self.small, *settings, "-o", output)
        self.assertIn("limited by", table)
        self.assertIn("tokens to hide the weights", table)
        self.assertIn("4 wafers", self.good("check", self.small, *settings))
        for ranks in 2, 3:
            self.assertEqual(table, self.good("run", self.small, *settings, "-o", output, ranks=ranks))
        with h5py.File(output) as file:
            training = file["training"]
            self.assertEqual(training["step_time"].shape, (2, 3))
            self.assertEqual(list(training["stream_time"][0]), [0, 0, 0])
            self.assertTrue((training["stream_time"][1] > 0).all())
            self.assertAlmostEqual(training["part_time"][1, 1].sum() / training["step_time"][1, 1], 1.0)
            self.assertTrue((training["facility_power"][()] > training["accelerator_power"][()]).all())

    def test_images_are_kept_too(self):
        output = pathlib.Path(self.folder.name, "result.h5")
        scenario = SCENARIOS / "resnet50-training.yaml"
        table = self.good("run", scenario, "-o", output)
        self.assertEqual(table, self.good("show", output) + f"\nresult: {output}\n")
        for ranks in 2, 3:
            self.assertEqual(table, self.good("run", scenario, "-o", output, ranks=ranks))
        with h5py.File(output) as file:
            images = file["images"]
            self.assertEqual(images["batch_time"].shape, (3, 3))
            for system in range(3):
                sum_s = images["part_time"][system, 1].sum()
                self.assertAlmostEqual(sum_s / images["batch_time"][system, 1], 1.0)
            self.assertTrue((images["rated_power"][()] >= images["facility_power"][()] - 1e-6).all())

    def test_weeks_of_training_have_failures_and_a_price(self):
        output = pathlib.Path(self.folder.name, "result.h5")
        scenario = SCENARIOS / "llama-3-405b-failures.yaml"
        table = self.good("run", scenario, "-o", output)
        self.assertIn("best after Young", table)
        self.assertEqual(table, self.good("run", scenario, "-o", output, ranks=3))
        with h5py.File(output) as file:
            training = file["training"]
            published, hourly, _ = training["effective_share"][:, 1]
            self.assertTrue(0.9 < published < 0.95 and hourly < published)
            steps = -(-15.6e12 // training["tokens_per_step"][0, 1])
            train_s = steps * training["step_time"][0, 1] / published
            self.assertAlmostEqual(training["time_to_train"][0, 1] / train_s, 1.0)
            self.assertAlmostEqual(training["energy_to_train"][0, 1] / train_s / training["facility_power"][0, 1], 1.0)
            self.assertAlmostEqual(training["cost_to_train"][0, 1] / train_s / training["cost_rate"][0, 1], 1.0)

    def test_slow_input_makes_the_step(self):
        output = pathlib.Path(self.folder.name, "result.h5")
        settings = ["--set", "input={rate: 2, hosts: 4}", "--set", "systems.b={hardware: cs-3, count: 2}"]
        self.good("run", self.small, "-o", output, *settings)
        with h5py.File(output) as file:
            for system in 0, 1:
                self.assertAlmostEqual(file["training/step_time"][system, 1], 64 / 8)

    def test_systems_are_sized_after_a_baseline(self):
        settings = ["--set", "columns=nominal", "--set", "systems.b={hardware: cs-3}", "--set", "baseline=a"]
        for equal in "power", "cost":
            table = self.good("run", self.small, *settings, "--set", f"equal={equal}", "--set", "systems.a.count=32")
            self.assertRegex(table, r"  [12] x cs-3: [01]\.\d\d x the power")
        for setting, message in {
            "equal=none": "with `equal: power` or `cost` it may be left out",
            "systems.b.hardware=cs-4": "does not say what one of cs-4 costs",
            "baseline=c": "the baseline 'c' must be a system with a count",
        }.items():
            done = kerf("run", self.small, *settings, "--set", "equal=cost", "--set", setting)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn(message, done.stderr)

    def test_skew_and_offload_show(self):
        def step(*settings):
            out = self.good("run", self.small, "--set", "columns=nominal", *settings)
            return [float(line.split()[-2]) for line in out.splitlines() if line.startswith(("  step ", "  memory of"))]

        plain_s, plain_GB = step()
        offloaded_s, offloaded_GB = step("--set", "training.offload=optimizer")
        self.assertTrue(offloaded_s > plain_s and offloaded_GB < plain_GB)
        done = kerf("run", self.small, "--set", "training.offload=optimizer", "--set", "training.optimizer=muon")
        self.assertEqual(done.returncode, 2)
        self.assertIn("leave offload out", done.stderr)
        mixture = ["--set", "network=mixtral-8x7b", "--set", "systems.a.parallel.expert=8"]
        self.assertGreater(step(*mixture, "--set", "training.expert_skew=3")[0], step(*mixture)[0])

    def test_check_prints_a_scenario_that_reads_back(self):
        again = pathlib.Path(self.folder.name, "again.yaml")
        again.write_text(self.good("check", self.small))
        self.assertEqual(self.good("run", self.small), self.good("run", again))

    def test_what_cannot_run_is_explained(self):
        cases = {
            "systems.a.parallel.tensor=3": "cannot be divided",
            "systems.a.parallel.pipeline=64": "cannot be divided",
            "systems.a.parallel.context=8": "cannot be divided",
            "training.global_batch=7": "global_batch (7) cannot be divided by data x micro_batch (4)",
            "training.precision=fp7": "'fp7' is unknown",
            "training.software=megatron": "'megatron' is unknown",
            "training.schedule=gpipes": "there is no 'gpipes'",
            "systems.a.hardware=h1000": "h1000",
            "systems.a.hardware=cs-3": "parallel has no effect on wafers (cs-3)",
            "systems.b={hardware: cs-3, count: 0}": "must be between 1",
            "systems.b={hardware: cs-3, count: 4000}": "one SwarmX tree serves 1 to 2048",
            "systems.b={hardware: cs-3, count: 65}": "a batch of 64 samples cannot be dealt to 65 systems",
            "systems.b={hardware: cs-3, count: 1, training: {sequence: 9000000}}": "GB of activations",
            "systems.b={hardware: cs-3, count: 1, training: {optimizer: muon}}": "give adam",
            "training.colour=1": "colour",
            "failures={detection: 300 m}": "detection",
            "failures={host_mtbf: 1000 h}": "give accelerator_mtbf beside",
            "failures={accelerator_mtbf: 1 s}": "the job never gets ahead",
            "failures={planned_every: 10 s, planned: 20 s}": "leave no time",
            "failures={colour: 1}": "colour",
        }
        for setting, message in cases.items():
            with self.subTest(setting):
                pipeline = ["--set", "systems.a.parallel.pipeline=2"] if "schedule" in setting else []
                done = kerf("run", self.small, *pipeline, "--set", setting)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn(message, done.stderr)

    def test_memory_that_is_short_is_said(self):
        out = self.good("run", self.small, "--set", "network=llama-3.1-405b")
        self.assertIn("does not fit", out)


if __name__ == "__main__":
    unittest.main()
