#!/usr/bin/python3
"""Claims are the same on any number of ranks, are right where arithmetic can say, and slips are named by line."""

import csv
import math
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import h5py
import numpy

import kerf_command
from kerf_command import KerfTest, SOURCE, environment

CATALOG = SOURCE / "models" / "catalog"
SCENARIO = """\
title: one prompt
network: llama-3.1-8b
workload: {prompt_tokens: 200, answer_tokens: 20}
systems:
  wafer: {hardware: cs-3, count: 1}
  gpu: {hardware: h100-sxm, count: 1}
"""
HEAD = """\
name: {name}
kind: statement
id: {id}
title: a claim
statement: Somebody says something.
source: somewhere
date: 2026-01-01
confidence: high
"""
SPEED = """\
scenario: small
draws:
  systems.gpu.count: {value: 2, low: 1, high: 4}
checks:
  - title: speed over a GPU
    figure: {value: 5, unit: 1}
    observer: {quantity: output_speed_per_user, of: wafer, over: gpu}
    test: at-least
    flip: {axis: prompt tokens, keys: [workload.prompt_tokens], from: 100, to: 3000}
"""
SUM = """\
facts:
  known: {value: 3, unit: km, source: a ruler}
  guessed: {value: 2, low: 1, high: 4, unit: 1}
checks:
  - title: exact
    figure: {value: 7000, unit: 1}
    observer: {times: [known, 4], by: [2]}
    test: at-most
  - title: drawn
    figure: {value: 2, unit: 1}
    observer: {times: [guessed]}
    test: at-least
  - title: with a leaf
    figure: {value: 2, unit: 1}
    observer: {times: [cs-3.clock_Hz, "1e-9"]}
    test: at-least
    flip: {axis: clock, leaf: cs-3.clock_Hz, unit: GHz, from: 0.5, to: 3}
"""


class Claims(KerfTest):
    def setUp(self):
        super().setUp()
        self.catalog = self.folder / "catalog"
        (self.catalog / "claims" / "scenarios").mkdir(parents=True)
        for section in CATALOG.iterdir():
            if section.name != "claims":
                (self.catalog / section.name).symlink_to(section)
        self.write("catalog/claims/scenarios/small.yaml", SCENARIO)
        self.env = environment(KERF_CATALOG=str(self.catalog))

    def claim(self, name, body):
        return self.write(f"catalog/claims/{name}.yaml", HEAD.format(name=name, id=name.upper()) + body)

    def table(self, *arguments, ranks=1):
        path = self.folder / "claims.csv"
        self.succeeds("claims", "-q", "--csv", path, *arguments, ranks=ranks, env=self.env)
        with open(path, newline="") as file:
            return list(csv.DictReader(file))

    def test_any_number_of_ranks(self):
        """The file and the table are the same, bit for bit."""
        self.claim("c1", SPEED)
        self.claim("k1", SUM)
        said = []
        for ranks in (1, 3):
            output = self.folder / f"{ranks}.h5"
            text = self.succeeds("claims", "--members", 8, "-o", output, ranks=ranks, env=self.env)
            said.append(text.replace(output.name, ""))
            done = subprocess.run(["h5diff", self.folder / "1.h5", output], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertEqual(len(set(said)), 1)
        with h5py.File(self.folder / "1.h5") as file:
            value, median = file["checks/value"][()], file["checks/median"][()]
            self.assertEqual(value.shape, (4, 8))
            self.assertTrue(numpy.allclose(median, numpy.nanmedian(value, axis=1), rtol=1e-12))
            self.assertEqual([text.decode() for text in file["claims/id"][()]], ["C1", "K1"])

    def test_arithmetic(self):
        """Products of facts and leaves; what has no range has one value, what has one is triangular around the median."""
        self.claim("k1", SUM)
        exact, drawn, leaf = self.table("--members", 200)
        self.assertEqual([float(exact[key]) for key in ("median", "low_10", "high_90", "probability")], [6000] * 3 + [1])
        # Of the logarithm, symmetric here: the median is the mode, and 10 % lie below exp(sqrt(0.2) ln 2 - ln 2) modes.
        self.assertAlmostEqual(float(drawn["median"]), 2.0, delta=0.02)
        self.assertAlmostEqual(float(drawn["low_10"]), 2.0 ** math.sqrt(0.2), delta=0.02)
        self.assertAlmostEqual(float(drawn["probability"]), 0.5, delta=0.02)
        self.assertEqual(drawn["goes_with"], "K1.guessed 100 % (+)")
        self.assertEqual(leaf["goes_with"], "cs-3.clock_Hz 100 % (+)")
        below, above = [float(word) for word in leaf["turns"].replace(",", "").split() if word[0].isdigit()]
        self.assertTrue(below < 2 <= above <= below * 1.03, leaf["turns"])

    def test_simulated(self):
        """The nominal value is what `kerf run` says, and the other side of the turn is one too."""
        self.claim("c1", SPEED)
        (row,) = self.table("--members", 4)
        small = self.write("small.yaml", SCENARIO)
        output = self.folder / "run.h5"

        def ratio(*sets):
            arguments = [word for setting in ("columns=nominal", *sets) for word in ("--set", setting)]
            self.succeeds("run", small, "-q", "-o", output, *arguments)
            with h5py.File(output) as file:
                speed = file["summary/output_speed_per_user"][()]
            output.unlink()
            return speed[0, 0] / speed[1, 0]

        self.assertAlmostEqual(float(row["nominal"]), ratio("systems.gpu.count=2"), places=6)
        ends = [ratio("systems.gpu.count=2", f"workload.prompt_tokens={tokens}") for tokens in (100, 3000)]
        outcome = [end >= 5 for end in ends]
        self.assertTrue(row["turns"].startswith("holds" if outcome[0] else "fails"), (row["turns"], ends))
        self.assertEqual("," in row["turns"], outcome[0] != outcome[1], (row["turns"], ends))

    def test_seed(self):
        self.claim("k1", SUM)
        rows = [self.table("--members", 8, "--draw-seed", seed)[1]["low_10"] for seed in (1, 2)]
        self.assertNotEqual(*rows)

    def test_refused(self):
        def slip(says, body, old="", new="", name="c7", arguments=()):
            path = self.claim(name, body.replace(old, new, 1) if old else body)
            self.refuses(2, says, "claims", "--members", 4, *arguments, ranks=(1,), env=self.env)
            path.unlink()

        slip(r"c7\.yaml:9: scenario: 'no-such' is missing: there is no file", SPEED, "scenario: small", "scenario: no-such")
        slip(r"c7\.yaml:15: observer: 'output_sped_per_user' is no quantity; did you mean 'output_speed", SPEED, "speed_per", "sped_per")
        slip(r"c7\.yaml:11: systems\.gpu\.count: a distribution needs its bounds", SPEED, ", low: 1, high: 4")
        slip(r"c7\.yaml:11: guessed: a distribution needs its bounds", SUM, ", low: 1, high: 4")
        slip(r"c7\.yaml:11: systems\.gpu\.count: low <= value <= high", SPEED, "low: 1", "low: 3")
        slip(r"c7\.yaml:13: observer: 'lorry' is none of the systems of .*small\.yaml", SPEED, "over: gpu", "over: lorry")
        slip(r"c7\.yaml:16: test: 'more' is none of at-least", SPEED, "at-least", "more")
        slip(r"c7\.yaml:13: figure\.unit: .*furlong", SPEED, "unit: 1", "unit: furlong")
        slip(r"c7\.yaml:\d+: flip: .*no leaf 'cs-3\.clock'|c7.*cs-3 has no leaf 'clock'", SUM, "[cs-3.clock_Hz", "[cs-3.clock")
        slip(r"c7\.yaml:9: draws: .*systems\.gpu: unknown key 'cuont'", SPEED, "systems.gpu.count", "systems.gpu.cuont")
        slip(r"c7\.yaml:17: flip: .*unknown key 'promt_tokens'", SPEED, "keys: [workload.prompt", "keys: [workload.promt")
        slip(r"c7\.yaml:9: set, draws: without a scenario|c7\.yaml:\d+: set, draws", SUM, "facts:", "set: {a: 1}\nfacts:")
        slip(r"c7\.yaml:\d+: checks: a list of 1 to", "scenario: small\n")
        slip(r"'C9' is no claim; `kerf claims --list`", SUM, arguments=["C9"])
        self.refuses(2, "--members 2: a whole number from 4", "claims", "--members", 2, ranks=(1, 3), env=self.env)

    def test_catalog(self):
        """All claims of the catalog can be read, each has the figures of the brief that it came from, none is fitted to."""
        listed = self.succeeds("claims", "--list")
        wanted = [f"C{n}" for n in range(1, 17) if n != 6] + [f"K{n}" for n in range(1, 12)]
        self.assertEqual([line.split()[0] for line in listed.split("\n\n")[0].splitlines()], wanted)
        self.assertIn("981", self.succeeds("catalog", "c1"))


class NeverFitted(KerfTest):
    def test_no_claim_among_rows_of_a_fit(self):
        """No measurement that may be used for a fit is about Kimi K2.6 or has a claim's figure from a claim's source."""
        with open(CATALOG / "measurements" / "serving.csv", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.get("use", "") == "fit"]
        for row in rows:
            self.assertNotIn("k2.6", row["network"].lower(), row["id"])
        fitted = [row for row in rows if "kimi" in row["source"].lower() and float(row["value"]) in (981, 146, 43, 5.6, 163.7)]
        self.assertEqual(fitted, [])

    def test_no_leaf_says_so(self):
        """No entry names a claim's page as the source of a number."""
        for section in ("hardware", "links", "engines", "drafters", "collectives", "training", "streaming"):
            for entry in (CATALOG / section).glob("*.yaml"):
                text = entry.read_text()
                self.assertNotIn("cerebras-kimi-k2-Enterprise", text, entry.name)
                self.assertNotIn("981 tok", text, entry.name)


if __name__ == "__main__":
    kerf_command.main()
