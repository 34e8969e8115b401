#!/usr/bin/python3
"""kerf search: the answer is one for any number of ranks, its pipelines are simulated, and a question without an answer is
told why."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import kerf_command
from kerf_command import SOURCE, KerfTest

QUESTION = """\
network: llama-2-70b
search:
  hardware: h100-sxm
  gpus: 64
  global_batch: 96
  sequence: 4096 token
"""
ROW = re.compile(r"^ *(\d+) +([\d.]+) s +([\d.]+) \.\. +([\d.]+) s +([\d.]+) s ", re.MULTILINE)


class Search(KerfTest):
    def question(self, *changes):
        text = QUESTION
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new, 1)
        return self.write("q.yaml", text)

    def test_ranks(self):
        """The same bytes on one, two and three ranks."""
        texts = {self.succeeds("search", self.question(), ranks=ranks) for ranks in (1, 2, 3)}
        self.assertEqual(len(texts), 1)

    def test_answer(self):
        """As many as asked for, fastest first, inside their ranges; simulated within 5 % of the closed form."""
        text = self.succeeds("search", self.question(), "--set", "search.best=5")
        rows = [list(map(float, row)) for row in ROW.findall(text)]
        self.assertEqual([row[0] for row in rows], [1, 2, 3, 4, 5])
        self.assertEqual(sorted(row[1] for row in rows), [row[1] for row in rows])
        for _, step, slow, fast, simulated in rows:
            self.assertGreater(slow, step)
            self.assertLess(fast, step)
            self.assertAlmostEqual(simulated / step, 1.0, delta=0.05)

    def test_experts(self):
        """A network of experts; its best layouts share the experts out."""
        text = self.succeeds(
            "search", self.question(("llama-2-70b", "mixtral-8x7b")), "--set", "search.best=1", "--set", "search.gpus=16"
        )
        self.assertRegex(text, r"(?m)^ +1 .*expert \d")

    def test_scenario(self):
        """The one that is shipped; --stats adds its line."""
        scenario = SOURCE / "scenarios" / "layouts" / "gpt-3-175b.yaml"
        self.assertIn("layouts costed in", self.succeeds("search", scenario, "--stats", "--set", "search.gpus=256"))

    def test_bad_questions(self):
        """What is wrong, with file and line."""
        for says, *change in (
            (r"q\.yaml:3: search: unknown key 'hardwre'; did you mean 'hardware'\?", "hardware:", "hardwre:"),
            (r"q\.yaml:.*: search\.hardware: .*'h100-sxn'", "h100-sxm", "h100-sxn"),
            (r"q\.yaml: network: 'llama-2-71b'", "llama-2-70b", "llama-2-71b"),
            (r"only decoders have a training layout", "llama-2-70b", "resnet50"),
            (r"q\.yaml:.*: none of \d+ layouts .* fits 1 h100-sxm: .* wants [\d.]+ GB", "gpus: 64", "gpus: 1"),
            (r"q\.yaml:.*search\.software: there is no 'x'", "  gpus", "  software: x\n  gpus"),
            (r"q\.yaml:.*search\.precision: there is no 'x'", "  gpus", "  precision: x\n  gpus"),
            (r"q\.yaml:.*search\.optimizer: there is no 'x'", "  gpus", "  optimizer: x\n  gpus"),
            (r"is legal with a batch of 1 sequences", "gpus: 64\n  global_batch: 96", "gpus: 97\n  global_batch: 1"),
        ):
            with self.subTest(change=change):
                self.refuses(2, says, "search", self.question(change))

    def test_missing_file(self):
        self.refuses(1, r"no-such\.yaml", "search", self.folder / "no-such.yaml")


if __name__ == "__main__":
    kerf_command.main()
