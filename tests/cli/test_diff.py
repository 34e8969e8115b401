#!/usr/bin/python3
"""kerf diff: rows are matched by name, ratios are what the files hold, nothing that differs is left out."""

import pathlib
import re
import sys

import h5py

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import kerf_command
from kerf_command import SCENARIO, SOURCE, KerfTest


class Diff(KerfTest):
    def run_of(self, name, text=SCENARIO, *options, ranks=1):
        path = self.folder / name
        self.succeeds("run", "-q", self.write(name + ".yaml", text), "-o", path, *options, ranks=ranks)
        return path

    def test_the_same_run_on_more_ranks_is_the_same(self):
        a, b = self.run_of("a.h5"), self.run_of("b.h5", ranks=3)
        self.assertIn("nothing differs outside /provenance", self.succeeds("diff", a, b))

    def test_a_changed_key_and_what_follows_from_it(self):
        a = self.run_of("a.h5")
        b = self.run_of("b.h5", SCENARIO, "--set", "systems.wafers.workload.answer_tokens=20")
        text = self.succeeds("diff", a, b)
        self.assertRegex(text, r"systems\.wafers\.workload\.answer_tokens +10 token +20 token")
        with h5py.File(a) as one, h5py.File(b) as other:
            values = [file["summary/e2e"][0, 1] for file in (one, other)]
        row = re.search(r"/summary/e2e \[s\]\n(?:.*\n)*?  wafers, nominal +(\S+) +(\S+) +(\S+)x", text)
        self.assertEqual([f"{value:.6g}" for value in values], [row[1], row[2]])
        self.assertEqual(f"{values[1] / values[0]:.4g}", row[3])
        self.assertNotIn("gpus, nominal", text)
        self.assertRegex(text, r"/requests/finish \[s\]\n  9 of 18 numbers differ")

    def test_systems_are_matched_by_name(self):
        head, wafers, gpus = re.split(r"(?=^  wafers:|^  gpus:)", SCENARIO, flags=re.MULTILINE)
        a = self.run_of("a.h5", "baseline: gpus\n" + SCENARIO)
        b = self.run_of("b.h5", "baseline: gpus\n" + head + gpus + wafers)
        self.assertNotIn("/summary/", self.succeeds("diff", a, b))
        c = self.run_of("c.h5", head + gpus)
        self.assertRegex(self.succeeds("diff", c, b), r"/summary/e2e \[s\]\n  wafers, low +- +\S+\n")

    def test_other_kinds_of_results(self):
        question = SOURCE / "scenarios" / "gpt-3-175b-training.yaml"
        paths = [self.folder / name for name in ("t.h5", "u.h5")]
        self.succeeds("run", "-q", question, "-o", paths[0])
        self.succeeds("run", "-q", question, "--set", "training.recompute=full", "-o", paths[1])
        self.assertRegex(self.succeeds("diff", *paths), r"/training/mfu \[1\]\n  h100, low +0\.\d+ +0\.\d+ +0\.\d+x")
        self.assertIn("only in B: /training/mfu", self.succeeds("diff", self.run_of("a.h5"), paths[0]))

    def test_files_that_cannot_be_compared(self):
        a = self.run_of("a.h5")
        cut = self.folder / "cut.h5"
        cut.write_bytes(a.read_bytes()[:3000])
        for other in (cut, "missing.h5", "."):
            self.refuses(1, "no such file, or not a whole HDF5 file", "diff", a, other)
        self.refuses(2, "usage: kerf diff A.h5 B.h5", "diff", a)


if __name__ == "__main__":
    kerf_command.main()
