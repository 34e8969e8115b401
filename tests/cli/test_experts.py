#!/usr/bin/python3
"""Uneven choices of experts in a scenario: what they do to both devices, and what is wrong is said."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import kerf_command
from kerf_command import KerfTest

HEAD = """\
network: mixtral-8x7b
columns: nominal
workload: {users: 64, requests: 64, prompt_tokens: 500, answer_tokens: 20}
systems:
"""
GPUS = "  gpus: {hardware: h200-sxm, count: 4, parallel: {attention_data: 4}%s}\n"
WAFERS = "  wafers: {hardware: cs-3, count: 4%s}\n"


def rows(text):
    """The lines of the first table, without the digest."""
    return re.search(r"\n\n(.*?)\n\n", text, re.DOTALL).group(1)


class Experts(KerfTest):
    def run_with(self, experts, ranks=1):
        path = self.write("e.yaml", HEAD + GPUS % experts + WAFERS % experts.replace(", redundant_experts: 4", ""))
        return self.succeeds("run", path, ranks=ranks)

    def test_equal_counts_are_balanced(self):
        """A file of equal counts and a power law of 0 give GPUs what balanced choices do."""
        self.write("equal.txt", "# chosen\n" + "7\n" * 8)
        even = rows(self.run_with("")).splitlines()[1]
        for experts in (", experts: {choice: histogram, histogram: equal.txt}", ", experts: {choice: power-law, exponent: 0}"):
            self.assertEqual(rows(self.run_with(experts)).splitlines()[1], even)

    def test_uneven_counts_cost_and_copies_bring_back(self):
        """One expert that gets half of the choices lengthens prompts on both devices; copies shorten them; all ranks agree."""
        self.write("uneven.txt", "7\n" + "1\n" * 7)

        def first_token(text, system):
            row = re.search(rf"^{system} +(\S+) (ms|us|s) ", text, re.MULTILINE)
            return float(row.group(1)) * {"us": 1e-6, "ms": 1e-3, "s": 1}[row.group(2)]

        experts = ", experts: {choice: histogram, histogram: uneven.txt%s}"
        even, uneven = self.run_with(""), self.run_with(experts % "")
        copies = self.run_with(experts % ", redundant_experts: 4")
        self.assertEqual(rows(self.run_with(experts % "", ranks=3)), rows(uneven))
        self.assertGreater(first_token(uneven, "gpus"), 1.1 * first_token(even, "gpus"))
        self.assertLess(first_token(copies, "gpus"), first_token(uneven, "gpus"))
        self.assertGreaterEqual(first_token(uneven, "wafers"), first_token(even, "wafers"))

    def test_what_is_wrong(self):
        """Files and keys that do not fit are said with their line."""
        self.write("short.txt", "1\n2\n")
        self.write("long.txt", "1\n" * 9)
        self.write("words.txt", "1\nmany\n")
        self.write("zero.txt", "0\n" * 8)
        cases = [
            ("histogram, histogram: short.txt", r"e\.yaml:5: systems\.gpus: experts: .*short\.txt: 2 counts; the network has 8 experts"),
            ("histogram, histogram: long.txt", r"long\.txt:9: more lines than the 8 experts"),
            ("histogram, histogram: words.txt", r"words\.txt:2: 'many' is not a count"),
            ("histogram, histogram: zero.txt", r"no token chooses any expert"),
            ("histogram", r"choice: histogram needs histogram, a file"),
            ("power-law, histogram: short.txt", r"histogram: has no effect"),
            ("power-law, redundant_experts: 3", r"8 experts and 3 copies do not fill 4 GPUs evenly"),
            ("zipf", r"'zipf' is not a choice"),
        ]
        for number, (experts, says) in enumerate(cases):
            with self.subTest(says=says):
                path = self.write("e.yaml", HEAD + GPUS % f", experts: {{choice: {experts}}}")
                self.refuses(2, says, "run", path, ranks=(1,) if number else (1, 3))
        path = self.write("e.yaml", HEAD + GPUS % ", experts: {choice: histogram, histogram: no-such.txt}")
        self.refuses(1, r"systems\.gpus: experts: .*no-such\.txt: No such file", "run", path, ranks=(1, 3))
        path = self.write("e.yaml", HEAD + WAFERS % ", experts: {redundant_experts: 8}")
        self.refuses(2, r"systems\.wafers: experts\.redundant_experts: a wafer holds every expert once", "run", path, ranks=(1,))
        path = self.write("e.yaml", (HEAD + WAFERS % ", experts: {choice: power-law}").replace("mixtral-8x7b", "llama-3.1-8b"))
        self.refuses(2, r"systems\.wafers: experts: llama-3\.1-8b has none", "run", path, ranks=(1,))


if __name__ == "__main__":
    kerf_command.main()
