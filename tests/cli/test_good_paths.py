#!/usr/bin/python3
"""What a user does every day works and says what it should, on any number of ranks."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import h5py
import numpy

import kerf_command
from kerf_command import SCENARIOS, SMALL, SOURCE, KerfTest, environment, kerf


def tables(text):
    """The printed tables without the line that names the file."""
    return re.sub(r"\nresult: .*\n", "", text).strip()


def digest(text):
    return re.search(r"digest ([0-9a-f]{16})", text).group(1)


class Help(KerfTest):
    def test_help_names_every_command(self):
        """kerf --help lists the commands, and each one's own help repeats its usage and says more."""
        text = self.succeeds("--help")
        self.assertEqual(text, self.succeeds("-h", ranks=3))
        commands = re.findall(r"^  kerf (\w+) ", text, re.MULTILINE)
        for command in ["run", "check", "show", "catalog"]:
            self.assertIn(command, commands)
        for command in commands:
            own = self.succeeds(command, "--help")
            self.assertTrue(own.startswith(f"usage: kerf {command}"), own)
            self.assertGreater(len(own.splitlines()), 2)

    def test_version(self):
        """kerf --version prints its version and those of what it stands on, once."""
        for ranks in (1, 3):
            text = self.succeeds("--version", ranks=ranks)
            self.assertRegex(text, r"\Akerf \d+\.\d+\.\d+ \(\w* build\)\n")
            self.assertEqual(len(re.findall("MPI", text)), len(re.findall("Open MPI|MPI", text)))
            self.assertRegex(text, r"HDF5 \d+\.\d+\.\d+\n")
            self.assertEqual(text.count("kerf "), 1)


class Catalog(KerfTest):
    def test_list(self):
        """kerf catalog lists every entry of the catalog, and says which catalog it is; scenarios are no entries."""
        text = self.succeeds("catalog")
        self.assertRegex(text, r"\Acatalog: /")
        for path in (SOURCE / "models" / "catalog").glob("*/*.yaml"):
            if path.parent.name != "starters":
                self.assertIn(f" {path.stem}", text)

    def test_entries(self):
        """kerf catalog NAME shows an entry of each kind with units, ranges and sources; an alias finds it too."""
        for name, expected in [
            ("cs-3", r"cs-3: .* \(wafer\)\n(.*\n)*  clock_Hz +\S+ Hz +\[\S+ \.\. \S+\]  .*; .*; \w+\n"),
            ("b200", r"b200-hgx: .* \(gpu\)\n(.*\n)*  hbm_Bps +\S+ B/s"),
            ("ethernet-100g", r"ethernet-100g: .* \(link\)\n(.*\n)*  latency_s +\S+ s"),
            ("draft-model", r"draft-model: .* \(drafter\)\n(.*\n)*  acceptance +0?\.\d"),
            ("kimi-k2.6", r"kimi-k2\.6: \S+ parameters counted from its dimensions"),
            ("flux.1-dev", r"flux\.1-dev: \S+ parameters counted from its dimensions"),
        ]:
            self.assertRegex(self.succeeds("catalog", name), expected)


class Init(KerfTest):
    def test_every_starter_runs_as_it_is(self):
        """kerf init lists the starters; each is a scenario that runs, and its keys are explained."""
        names = re.findall(r"^  kerf init (\w+) ", self.succeeds("init"), re.MULTILINE)
        self.assertEqual(names, ["images", "load", "serving", "training"])
        for name in names:
            path = self.folder / f"{name}.yaml"
            self.assertIn(f"kerf check {path}", self.succeeds("init", name, "-o", path, ranks=2))
            self.assertEqual(path.read_text(), self.succeeds("init", name))
            self.succeeds("run", "-q", path)

    def test_nothing_is_written_over(self):
        path = self.write("mine.yaml", "mine")
        self.refuses(2, r"mine\.yaml: is there already", "init", "serving", "-o", path)
        self.refuses(2, "there is no starter 'servin'; did you mean 'serving'", "init", "servin")


# What kerf check says of scenarios that have this section at the top.
PLANS = {"sweep": " points\n", "images": "\nimages: {}", "training": "# memory of the fullest GPU"}


class Check(KerfTest):
    def test_printed_scenario_is_a_scenario(self):
        """What kerf check prints reads back as a scenario that gives the same digest and prints the same."""
        first = self.succeeds("check", SMALL)
        again = self.write("again.yaml", first)
        self.assertEqual(self.succeeds("check", again), first)
        self.assertEqual(digest(self.succeeds("run", again)), digest(self.succeeds("run", SMALL)))

    def test_every_scenario_is_good(self):
        """Every scenario that comes with Kerf is read and fits."""
        for path in sorted(SCENARIOS.glob("*.yaml")):
            text = path.read_text()
            says = [words for section, words in PLANS.items() if f"\n{section}:" in text] or ["How each system holds"]
            self.assertIn(says[0], self.succeeds("check", path))

    def test_quiet(self):
        """kerf check --quiet says nothing of a good scenario."""
        for ranks in (1, 3):
            self.assertEqual(self.succeeds("check", SMALL, "--quiet", ranks=ranks), "")


class Images(KerfTest):
    def test_same_on_any_number_of_ranks(self):
        """A scenario about images prints the same tables on one rank and on three, once."""
        for name in ["resnet50-training", "dit-inference", "llada-8b"]:
            path = SCENARIOS / f"{name}.yaml"
            text = self.succeeds("run", path)
            self.assertRegex(text, r"figure +low +nominal +high\n")
            self.assertNotRegex(text, r"\bnan\b|\binf\b")
            self.assertEqual(self.succeeds("run", path, ranks=3), text)

    def test_printed_scenario_is_a_scenario(self):
        """What kerf check prints of it reads back as a scenario with the same tables."""
        path = SCENARIOS / "flux-training.yaml"
        again = self.write("again.yaml", self.succeeds("check", path))
        self.assertEqual(self.succeeds("run", again), self.succeeds("run", path))

    def test_override_and_quiet(self):
        """--set changes a key of the section; --quiet prints nothing."""
        path = SCENARIOS / "resnet50-training.yaml"
        text = self.succeeds("run", path, "--set", "columns=nominal", "--set", "images.batch=800")
        self.assertNotIn("high", text)
        self.assertNotEqual(text, self.succeeds("run", path, "--set", "columns=nominal"))
        self.assertEqual(self.succeeds("run", path, "-q", ranks=3), "")


class Run(KerfTest):
    def test_show_prints_what_run_printed(self):
        """kerf show prints the tables of kerf run again, on any number of ranks."""
        output = self.folder / "x.h5"
        printed = self.succeeds("run", SMALL, "-o", output, ranks=3)
        self.assertIn(f"result: {output}", printed)
        self.assertEqual(tables(self.succeeds("show", output)), tables(printed))
        self.assertEqual(tables(self.succeeds("show", output, ranks=3)), tables(printed))
        self.assertEqual([path.name for path in self.folder.iterdir()], ["x.h5"])

    def test_tables_are_printed_without_a_file(self):
        """kerf run without -o prints the same tables and writes no file."""
        with_file = self.succeeds("run", SMALL, "-o", self.folder / "x.h5")
        self.assertEqual(tables(self.succeeds("run", SMALL, cwd=self.folder)), tables(with_file))
        self.assertEqual([path.name for path in self.folder.iterdir()], ["x.h5"])

    def test_quiet(self):
        """kerf run --quiet prints nothing and still writes the result."""
        for ranks in (1, 3):
            output = self.folder / f"{ranks}.h5"
            self.assertEqual(self.succeeds("run", SMALL, "-q", f"--output={output}", ranks=ranks), "")
            self.assertTrue(h5py.is_hdf5(output))

    def test_stats(self):
        """kerf run --stats says what the engine did."""
        text = self.succeeds("run", SMALL, "--stats")
        self.assertRegex(text, r"\d+ events of \d+ logical processes in (.|\n)*smallest declared lookahead \S+ us")

    def test_override_is_reflected(self):
        """What --set changes is in the tables, in the result and in its resolved scenario, and the rest is not."""
        output = self.folder / "x.h5"
        path = self.scenario()
        sets = ["--set", "seed=9", "--set", "systems.gpus.title=the other side", "--set", "columns=nominal"]
        text = self.succeeds("run", path, "-o", output, *sets)
        self.assertIn("seed 9", text)
        self.assertIn("the other side", text)
        with h5py.File(output) as file:
            self.assertEqual(int(file.attrs["seed"]), 9)
            resolved = file["scenario_resolved"][()].decode()
            given = file["scenario"][()].decode()
            self.assertEqual(file["summary/ttft"].shape, (2, 1))
        self.assertEqual(given, path.read_text())
        self.assertIn("seed: 9", resolved)
        self.assertIn("title: the other side", resolved)
        self.assertIn("columns: nominal", resolved)

    def test_a_result_replaces_an_earlier_one(self):
        """A result takes the place of an earlier file of its name."""
        output = self.write("x.h5", "an earlier result")
        self.succeeds("run", SMALL, "-q", "-o", output)
        self.assertTrue(h5py.is_hdf5(output))
        self.assertEqual([path.name for path in self.folder.iterdir()], ["x.h5"])

    def test_names_with_spaces_and_signs(self):
        """Files may have spaces, signs and letters of any script in their names, and the catalog too."""
        place = self.folder / "ein Ort, größer"
        place.mkdir()
        (place / "catalog").symlink_to(SOURCE / "models" / "catalog")
        scenario = place / "what if? #1.yaml"
        scenario.write_text(kerf_command.SCENARIO)
        env = environment(KERF_CATALOG=str(place / "catalog"))
        self.succeeds("run", scenario, "-q", "-o", place / "result = 1.h5", env=env)
        self.assertTrue(h5py.is_hdf5(place / "result = 1.h5"))

    def test_standard_input_is_a_file_too(self):
        """A scenario may come from a symbolic link."""
        link = self.folder / "link.yaml"
        link.symlink_to(self.scenario())
        self.assertEqual(kerf("check", link, "-q").returncode, 0)


class Measure(KerfTest):
    SECTIONS = "measure: {warmup: auto, warmup_requests: 2}\nslo: {ttft: 5 s, tpot: 1 s}\n"

    def test_percentiles_and_the_slo(self):
        """Asked for, they are printed and written, the same on any number of ranks; not asked for, they are not there."""
        plain = self.scenario(("requests: 3", "requests: 40"))
        asked = self.write("asked.yaml", plain.read_text() + self.SECTIONS)
        printed = self.succeeds("run", asked, "-o", self.folder / "1.h5")
        self.assertRegex(printed, r"(?m)^gpus .*38 requests, 2 before them left out; SLO met: 100.0 % keep it")
        self.assertRegex(printed, r"fewer than 10 batches")
        self.succeeds("run", asked, "-q", "-o", self.folder / "3.h5", ranks=3)
        with h5py.File(self.folder / "1.h5") as one, h5py.File(self.folder / "3.h5") as three:
            for name, dataset in one["percentiles"].items():
                self.assertEqual(dataset[()].tobytes(), three["percentiles"][name][()].tobytes(), name)
            ttft = one["requests/first_token"][()] - one["requests/arrival"][()]
            of_gpus = (one["requests/system"][()] == 1) & (one["requests/column"][()] == 1)
            self.assertAlmostEqual(one["percentiles/ttft"][1, 1, 3], numpy.quantile(ttft[of_gpus][2:], 0.99), 12)
            self.assertEqual(one["percentiles/ttft"][1, 1, 3], one["summary/ttft_p99"][1, 1])
        self.succeeds("run", plain, "-q", "-o", self.folder / "plain.h5")
        with h5py.File(self.folder / "plain.h5") as file:
            self.assertNotIn("percentiles", file)
            self.assertTrue(numpy.isnan(file["summary/slo_share"][()]).all())

    def test_the_highest_rate(self):
        """kerf slo brackets the limit to 1 %, the same on any number of ranks; it says what keeps nothing."""
        text = "network: llama-3.1-8b\nworkload: {arrivals: poisson, requests: 60, prompt_tokens: 500, answer_tokens: 20}\n"
        text += "slo: {ttft: 100 ms}\nsystems:\n  gpu: {hardware: h100-sxm, count: 1}\n"
        file = self.write("slo.yaml", text)
        printed = self.succeeds("slo", file)
        self.assertEqual(printed, self.succeeds("slo", file, ranks=3))
        kept, not_kept = map(float, re.search(r"gpu: keeps it up to ([\d.]+) requests/s, not at ([\d.]+);", printed).groups())
        self.assertTrue(1 < not_kept / kept < 1.01, printed)
        self.assertRegex(self.succeeds("slo", file, "--set", "slo.ttft=1us"), r"gpu: no rate keeps it; nearest, at 0.01")
        self.refuses(2, r"kerf slo needs a section slo", "slo", self.write("n.yaml", text.replace("slo: {ttft: 100 ms}", "")))
        closed = text.replace("arrivals: poisson, ", "")
        self.refuses(2, r"systems.gpu: kerf slo looks for a rate; set workload.arrivals", "slo", self.write("c.yaml", closed))

    def test_bad_sections(self):
        plain = self.scenario()
        for section, says in [
            ("slo: {}", r"sets no limit; give ttft, tpot or both"),
            ("slo: {ttft: -1 s}", r"s.yaml:16: slo.ttft: "),
            ("slo: {ttft: 1 s, percentile: 100}", r"s.yaml:16: slo.percentile: "),
            ("measure: {warmup: often}", r"s.yaml:16: measure.warmup: "),
            ("measure: {warm: auto}", r"unknown key 'warm'; did you mean 'warmup'\?"),
        ]:
            self.refuses(2, says, "run", self.write("s.yaml", plain.read_text() + section + "\n"))
            plain = self.scenario()


if __name__ == "__main__":
    kerf_command.main()
