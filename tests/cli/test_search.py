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
training:
  global_batch: 96
  sequence: 4096
  software: megatron-2024
systems:
  h100:
    hardware: h100-sxm
    count: 64
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
        """As many as asked for, fastest first, inside their ranges; simulated within 10 % of the closed form."""
        text = self.succeeds("search", self.question())
        rows = [list(map(float, row)) for row in ROW.findall(text)]
        self.assertEqual([row[0] for row in rows], list(range(1, 11)))
        self.assertEqual(sorted(row[1] for row in rows), [row[1] for row in rows])
        for _, step, slow, fast, simulated in rows:
            self.assertGreater(slow, step)
            self.assertLess(fast, step)
            self.assertAlmostEqual(simulated / step, 1.0, delta=0.1)

    def test_experts(self):
        """A network of experts; its best layouts share the experts out."""
        text = self.succeeds(
            "search", self.question(("llama-2-70b", "mixtral-8x7b")), "--set", "systems.h100.count=16"
        )
        self.assertRegex(text, r"(?m)^ +1 .*expert \d")

    def test_systems(self):
        """Each system is searched, with what it says itself; --stats adds a line to each."""
        second = "  fp8: {hardware: h100-sxm, count: 32, training: {precision: fp8}}\n"
        text = self.succeeds("search", self.write("q.yaml", QUESTION + second), "--stats")
        self.assertEqual(re.findall(r"(?m)^(\w+): llama-2-70b on (\d+) x h100-sxm", text), [("h100", "64"), ("fp8", "32")])
        self.assertEqual(re.findall(r"megatron-2024, (\w+), adam", text), ["bf16", "fp8"])
        self.assertEqual(len(re.findall("layouts costed in", text)), 2)

    def test_bad_questions(self):
        """What is wrong, with file and line."""
        for says, *change in (
            (r"q\.yaml:8: systems\.h100: unknown key 'hardwre'; did you mean 'hardware'\?", "hardware:", "hardwre:"),
            (r"q\.yaml:8: systems\.h100: hardware: .*'h100-sxn'", "h100-sxm", "h100-sxn"),
            (r"q\.yaml: network: 'llama-2-71b'", "llama-2-70b", "llama-2-71b"),
            (r"only decoders have a training layout", "llama-2-70b", "resnet50"),
            (r"q\.yaml:8: none of \d+ layouts .* fits 1 h100-sxm: .* wants [\d.]+ GB", "count: 64", "count: 1"),
            (r"training\.software 'x' is unknown", "megatron-2024", "x"),
        ):
            with self.subTest(change=change):
                self.refuses(2, says, "search", self.question(change))

    def test_nothing_is_legal(self):
        """A number of GPUs and a batch that nothing divides."""
        question = self.question(("count: 64", "count: 97"), ("global_batch: 96", "global_batch: 1"))
        self.refuses(2, r"no layout .* on 97 GPUs is legal with a batch of 1 sequences", "search", question)

    def test_missing_file(self):
        self.refuses(1, r"no-such\.yaml", "search", self.folder / "no-such.yaml")


if __name__ == "__main__":
    kerf_command.main()
