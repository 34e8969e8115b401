#!/usr/bin/python3
"""Loads as users describe them: distributions and traces, what is wrong with them, and results on any number of ranks."""

import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import h5py
import numpy

import kerf_command
from kerf_command import SOURCE, KerfTest, kerf

HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
SYSTEMS = "systems:\n  gpus: {hardware: h100-sxm, count: 2, engine: vllm}\n"
SHARED_TRACES = SOURCE.parent / "shared" / "facts" / "traces"


class Load(KerfTest):
    def load(self, workload, name="s.yaml"):
        """A scenario with this workload, one line of YAML."""
        return self.write(name, f"network: llama-3.1-8b\ncolumns: nominal\nworkload: {workload}\n{SYSTEMS}")

    def requests(self, scenario, *options, ranks=1):
        """The columns of the request table."""
        output = self.folder / f"{ranks}.h5"
        self.succeeds("run", scenario, "-q", "-o", output, *options, ranks=ranks)
        with h5py.File(output) as file:
            return {name: dataset[()] for name, dataset in file["requests"].items()}

    def same_on_ranks(self, scenario):
        for ranks in (1, 2, 3):
            self.requests(scenario, ranks=ranks)
        for ranks in (2, 3):
            paths = [self.folder / "1.h5", self.folder / f"{ranks}.h5"]
            done = subprocess.run(
                ["h5diff", "--exclude-path", "/provenance", *paths], capture_output=True, text=True, check=False
            )
            self.assertEqual(done.returncode, 0, done.stdout)


class Distributions(Load):
    def test_lengths_have_their_distribution(self):
        """Prompts, reasoning and answers are drawn apart, and their ends are heeded."""
        self.write("values.csv", "value,weight\n20,1\n40,3\n")
        scenario = self.load(
            "{arrivals: poisson, rate: 50, requests: 400, prompt_lengths: {distribution: empirical, file: values.csv}, "
            "reasoning_lengths: {distribution: exponential, mean: 30, most: 90}, "
            "answer_lengths: {distribution: constant, always: 5}}"
        )
        rows = self.requests(scenario)
        self.assertEqual(set(rows["prompt_tokens"]), {20, 40})
        self.assertAlmostEqual((rows["prompt_tokens"] == 40).mean(), 0.75, delta=0.07)
        self.assertEqual(set(rows["output_tokens"] - rows["reasoning_tokens"]), {5})
        self.assertLessEqual(rows["reasoning_tokens"].max(), 90)
        self.assertAlmostEqual(rows["reasoning_tokens"].mean(), 28.5, delta=4)

    def test_yaml_files_hold_values_too(self):
        """A list, or a map of values to weights."""
        for text, values in (("[7, 9]\n", {7, 9}), ("{7: 1, 9: 0}\n", {7})):
            self.write("values.yaml", text)
            scenario = self.load(
                "{arrivals: batch, requests: 20, answer_tokens: 2, "
                "prompt_lengths: {distribution: empirical, file: values.yaml}}"
            )
            self.assertEqual(set(self.requests(scenario)["prompt_tokens"]), values)

    def test_same_on_ranks(self):
        """Draws do not depend on the number of ranks."""
        self.same_on_ranks(
            self.load(
                "{arrivals: gamma, burst_shape: 0.5, rate: 50, requests: 100, "
                "prompt_lengths: {distribution: log-normal, mean: 300, p90: 600, most: 3000}, "
                "answer_lengths: {distribution: uniform, least: 5, most: 30}}"
            )
        )

    def test_what_is_wrong(self):
        """A distribution that lacks something, has too much, or cannot be, is told with its place."""
        prompt = "{arrivals: batch, requests: 3, prompt_lengths: {distribution: %s}}"
        for words, says in (
            ("log-normal, median: 9", r"s\.yaml:3: workload\.prompt_lengths: a log-normal distribution needs median or"),
            ("log-normal, mean: 9, median: 9, sigma: 1", "needs median or mean, and sigma or p90"),
            ("uniform, least: 9", "a uniform distribution needs most"),
            ("uniform, least: 9, most: 3", r"most \(3\) is less than least \(9\)"),
            ("constant, always: 9, sigma: 1", "prompt_lengths.sigma: has no effect on a constant distribution"),
            ("empirical", "an empirical distribution needs file|a empirical distribution needs file"),
            ("lognormal, median: 9", "did you mean 'log-normal'"),
            ("log-normal, mean: 100, p90: 900", r"systems\.gpus: workload\.prompt_lengths: no log-normal distribution"),
        ):
            self.refuses(2, says, "check", self.load(prompt % words), ranks=(1,))
        self.refuses(1, "none.csv: No such file", "check", self.load(prompt % "empirical, file: none.csv"))
        self.write("bad.csv", "value\n3\nx\n")
        self.refuses(2, r"bad\.csv:3: values and weights are", "run", self.load(prompt % "empirical, file: bad.csv"))

    def test_longer_than_the_context(self):
        """A request that no context holds is refused before anything runs, and cutting the tail mends it."""
        tail = "{arrivals: batch, requests: 200, prompt_lengths: {distribution: log-normal, median: 20000, sigma: 1%s}}"
        self.refuses(2, r"request \d+ has \d+ tokens of prompt and output, and the context of", "run", self.load(tail % ""))
        self.succeeds("check", self.load(tail % ", most: 100000"))


class PrefixCache(Load):
    WORKLOAD = "{arrivals: poisson, rate: 40, requests: 60, prompt_tokens: 400, answer_tokens: 8, shared_prefix_tokens: 300}"

    def test_a_shared_prefix_is_found(self):
        """All but the first find the system prompt; without the cache nobody does, and requests take longer."""
        rows = self.requests(self.load(self.WORKLOAD))
        self.assertEqual(sorted(set(rows["cached_tokens"])), [0, 288])
        off = self.requests(self.load(self.WORKLOAD), "--set", "systems.gpus.scheduler.prefix_cache=off")
        self.assertEqual(set(off["cached_tokens"]), {0})
        self.assertLess((rows["finish"] - rows["arrival"]).mean(), (off["finish"] - off["arrival"]).mean())

    def test_same_on_ranks(self):
        """What is found does not depend on the number of ranks."""
        self.same_on_ranks(self.load(self.WORKLOAD))

    def test_a_cache_without_use_changes_nothing(self):
        """Prompts with nothing in common: the digest is that of a run without a cache."""
        scenario = self.load("{arrivals: poisson, rate: 40, requests: 60, prompt_tokens: 400, answer_tokens: 8}")
        digests = {
            re.search(r"digest (\w+)", self.succeeds("run", scenario, "--set", f"systems.gpus.scheduler.prefix_cache={how}"))[1]
            for how in ("on", "off")
        }
        self.assertEqual(len(digests), 1)

    def test_restart(self):
        """A run goes on from a checkpoint with what its cache held."""
        scenario = self.load(self.WORKLOAD.replace("requests: 60", "requests: 20000"))
        whole, kept, rest = (self.folder / name for name in ("whole.h5", "kept.kcp", "rest.h5"))
        self.succeeds("run", scenario, "-q", "-o", whole)
        done = kerf("run", scenario, "-q", "--checkpoint", kept, "--checkpoint-every", "0.05", "--time-limit", "0.2")
        if done.returncode == 0:
            self.skipTest("the run was over before its time limit")
        self.assertEqual(done.returncode, 85, done.stderr)
        self.succeeds("run", "--restart", kept, "-q", "-o", rest)
        done = subprocess.run(
            ["h5diff", "--exclude-path", "/provenance", whole, rest], capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stdout)


class Sessions(Load):
    WORKLOAD = (
        "{users: 3, prompt_tokens: 200, answer_lengths: {distribution: uniform, least: 5, most: 20}, sessions: {count: 9}, "
        "session_turns: {distribution: uniform, least: 1, most: 4}, turn_calls: {distribution: exponential, mean: 2, most: 5}, "
        "tool_tokens: {distribution: constant, always: 50}, tool_time: {distribution: exponential, mean: 0.5 s}}"
    )

    def test_prompts_grow(self):
        """Every call of a session has the one before in its prompt, and finds it in the cache."""
        rows = self.requests(self.load(self.WORKLOAD))
        self.assertEqual(set(rows["session"]), set(range(9)))
        for session in range(9):
            mine = numpy.argsort(rows["call"] + 1000.0 * (rows["session"] != session))[: (rows["session"] == session).sum()]
            prompt, output = rows["prompt_tokens"][mine], rows["output_tokens"][mine]
            self.assertTrue((prompt[1:] > prompt[:-1] + output[:-1]).all())
            self.assertTrue((rows["cached_tokens"][mine][1:] >= prompt[:-1] // 16 * 16).all())
            self.assertTrue((rows["arrival"][mine][1:] >= rows["finish"][mine][:-1]).all())

    def test_same_on_ranks(self):
        """Sessions do not depend on the number of ranks."""
        self.same_on_ranks(self.load(self.WORKLOAD))

    def test_what_is_wrong(self):
        """Sessions that leave users without, or that other keys contradict."""
        self.refuses(2, "2 sessions leave some of the 3 users without", "check",
                     self.load("{users: 3, sessions: {count: 2}}"), ranks=(1,))
        self.refuses(2, "a trace has no sessions", "check",
                     self.load("{arrivals: trace, trace: {file: x}, sessions: {count: 2}}"), ranks=(1,))
        self.refuses(2, "workload.requests: has no effect", "check",
                     self.load("{requests: 5, sessions: {count: 2}}"), ranks=(1,))


class Traces(Load):
    def trace(self, text, name="t.csv", more=""):
        self.write(name, text)
        return self.load("{arrivals: trace, trace: {file: %s%s}}" % (name, more))

    def test_a_trace_is_replayed(self):
        """Requests come when they came, with their lengths; faster if asked to."""
        text = HEAD + "2023-11-16 18:17:03.5,40,3\n2023-11-16 18:17:04.0,50,4\n2023-11-16 18:17:06.0,60,5\n"
        rows = self.requests(self.trace(text))
        numpy.testing.assert_allclose(rows["arrival"], [0, 0.5, 2.5], atol=1e-9)
        self.assertEqual(list(rows["prompt_tokens"]), [40, 50, 60])
        self.assertEqual(list(rows["output_tokens"]), [3, 4, 5])
        rows = self.requests(self.trace(text, more=", rate_scale: 2, limit: 2"))
        numpy.testing.assert_allclose(rows["arrival"], [0, 0.25], atol=1e-9)

    def test_same_on_ranks(self):
        """A replay does not depend on the number of ranks."""
        lines = [f"{i // 3},GPT-4,{20 + i * 7 % 90},{1 + i % 9},0,API log\n" for i in range(120)]
        head = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        self.same_on_ranks(self.trace(head + "".join(lines), more=", format: burstgpt"))

    def test_bad_lines(self):
        """A bad line is told with its number on every rank, and skipped and counted if asked to."""
        text = HEAD + "2023-11-16 18:17:03.5,40,3\nrubbish\n2023-11-16 18:17:02.0,50,4\n2023-11-16 18:17:06.0,60,5\n"
        scenario = self.trace(text)
        self.refuses(2, r"t\.csv:3: has 1 fields, too few; .*--skip-bad-lines", "run", scenario)
        self.refuses(2, "has no request that was answered", "run", self.trace(HEAD + "x\n"), "--skip-bad-lines")
        scenario = self.trace(text)
        done = kerf("run", scenario, "--skip-bad-lines", "-o", self.folder / "1.h5")
        self.assertEqual((done.returncode, done.stderr), (0, "kerf: warning: systems.gpus: 2 bad lines of the trace are left out\n"))
        self.assertIn("2 bad lines of the trace are left out", self.succeeds("check", scenario, "--skip-bad-lines"))

    def test_what_is_wrong(self):
        """A trace that is not there, of another format, too long, or of no use."""
        self.refuses(1, "none.csv: No such file", "run", self.load("{arrivals: trace, trace: {file: none.csv}}"))
        self.refuses(2, "arrivals of a trace need trace.file", "run", self.load("{arrivals: trace}"))
        self.refuses(2, "workload.trace: has no effect when arrivals are batch", "run",
                     self.load("{arrivals: batch, requests: 2, trace: {file: x}}"))
        self.refuses(2, r"t\.csv:1: a trace of format burstgpt has a column 'Timestamp'", "run",
                     self.trace(HEAD, more=", format: burstgpt"))
        self.refuses(1, r"t\.csv:3: is 152 days after the first request", "run", ranks=(1,),
                     *[self.trace(HEAD + "2023-01-01 00:00:00,4,4\n2023-06-02 00:00:00,4,4\n")])
        self.refuses(2, "request 1 has 200004 tokens", "run", self.trace(HEAD + "2023-01-01 00:00:00,200000,4\n"))

    def test_public_files(self):
        """The public traces beside the checkout have the means that their descriptions state."""
        if not SHARED_TRACES.is_dir():
            self.skipTest("no public traces beside the checkout")
        for name, form, count, prompt in (
            ("AzureLLMInferenceTrace_conv_2023.csv", "azure-2023", 19366, 1155),
            ("AzureLLMInferenceTrace_code_2023.csv", "azure-2023", 8819, 2048),
            ("conversation_mooncake_fast25.csv", "mooncake-csv", 12031, 12035),
        ):
            scenario = self.load("{arrivals: trace, trace: {file: %s, format: %s}}" % (SHARED_TRACES / name, form))
            said = self.succeeds("check", scenario)
            self.assertIn(f"{count} requests; on average {prompt} tokens of prompt", said)


if __name__ == "__main__":
    kerf_command.main()
