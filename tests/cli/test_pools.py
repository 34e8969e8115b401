#!/usr/bin/python3
"""Systems of two pools: the same on any number of ranks and after a restart, and what is wrong is said."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "mpi"))

import h5py
import kerf_command
from kerf_command import SCENARIOS, KerfTest
from test_results import differences

SCENARIO = """\
network: mixtral-8x7b
workload: {arrivals: poisson, rate: 20 1/s, requests: 60, prompt_tokens: 3000, answer_tokens: 30, length_ratio_least: 0.3}
systems:
  layers:
    hardware: h200-sxm
    count: 2
    pools:
      prefill: {replicas: 2}
      decode: {count: 1, replicas: 3, kv: fp8}
  fair:
    hardware: h200-sxm
    count: 2
    pools:
      prefill: {replicas: 2}
      decode: {replicas: 2}
    kv_link: {order: whole, sharing: fair, shared_lanes: 1, overhead: 1 ms}
  mixed:
    pools:
      prefill: {hardware: h200-sxm, count: 2}
      decode: {hardware: cs-3, count: 3}
"""


class Pools(KerfTest):
    def setUp(self):
        super().setUp()
        self.path = self.write("pools.yaml", SCENARIO)
        self.result = self.folder / "x.h5"

    def test_any_number_of_ranks(self):
        """1, 2 and 3 ranks give the same result, to the last bit."""
        for ranks in (1, 2, 3):
            output = self.folder / f"{ranks}.h5"
            self.succeeds("run", self.path, "-q", "-o", output, ranks=ranks)
            self.assertEqual(differences(self.folder / "1.h5", output), (0, ""))

    def test_goes_on_from_a_checkpoint(self):
        """A run goes on from a checkpoint taken under way, on another number of ranks, with transfers under way."""
        long = ("--set", "workload.requests=500")
        self.succeeds("run", self.path, *long, "-q", "-o", self.result)
        kept, again = self.folder / "ck.h5", self.folder / "again.h5"
        self.succeeds(
            *("run", self.path, *long, "-q", "-o", again, "--checkpoint", kept, "--checkpoint-every", "0.1"), ranks=2
        )
        self.assertEqual(differences(self.result, again), (0, ""))
        self.succeeds("run", "--restart", kept, "-q", "-o", again)
        self.assertEqual(differences(self.result, again), (0, ""))

    def test_result(self):
        """The file has waits and transfers of every request, and the bytes are those of the prompts."""
        self.succeeds("run", self.path, "-q", "-o", self.result)
        with h5py.File(self.result) as file:
            summary, requests = file["summary"], file["requests"]
            for i, name in enumerate(("layers", "fair", "mixed")):
                mine = (requests["system"][:] == i) & (requests["column"][:] == 1)
                self.assertEqual(summary["system"][i].decode(), name)
                # 32 layers of 8 heads of 128, keys and values; fp8 is narrower and travels
                tokens = requests["prompt_tokens"][:][mine].sum()
                self.assertEqual(summary["kv_transfer_bytes"][i, 1], tokens * 65536 * (1 if name == "layers" else 2))
                self.assertTrue((requests["kv_transfer"][:][mine] > 0).all())
                later = requests["finish"][:][mine] - requests["first_token"][:][mine]
                self.assertTrue((later > requests["kv_transfer"][:][mine]).all())
            self.assertEqual(list(summary["accelerators"][:, 1]), [7, 8, 5])

    def test_scenarios_read_back(self):
        """What kerf check prints of pools is a scenario that prints the same."""
        for path in (self.path, SCENARIOS / "kimi-k2.6-disaggregated.yaml"):
            first = self.succeeds("check", path)
            self.assertEqual(self.succeeds("check", self.write("again.yaml", first)), first)
            self.assertIn("KV cache to the pool that decodes", first)

    def test_what_is_wrong(self):
        """A pool too few, a key out of place or a request that does not fit is said with its line."""
        cases = [
            (r"pools.yaml:8: systems\.layers\.pools: 'decode' is missing: prompts are computed and nobody decodes", "decode: {count: 1,", "# {"),
            (r"pools.yaml:14: systems\.fair\.pools: 'prefill' is missing: nobody computes prompts", "prefill: {replicas: 2}\n      decode: {replicas: 2}", "decode: {}"),
            (r"systems\.mixed\.pools\.decode: 'hardware' is missing", "{hardware: cs-3, count: 3}", "{count: 3}"),
            (r"pools\.decode: unknown key 'replica'; did you mean 'replicas'", "decode: {replicas: 2}", "decode: {replica: 2}"),
            (r"pools\.prefill\.speculation: only answers are guessed", "prefill: {replicas: 2}", "prefill: {speculation: {drafter: draft-model}}"),
            (r"kv_link: unknown key 'shared_lane'; did you mean 'shared_lanes'", "shared_lanes: 1,", "shared_lane: 1,"),
            (r"kv_link: transfers that share links are modelled whole", "order: whole, ", ""),
            (r"systems\.fair\.kv_link: 'no-such' is not in the catalog under links", "{order: whole", "{link: no-such, order: whole"),
            (r"systems\.mixed\.pools\.decode: .*wafers", "count: 3}", "count: 1}"),
            (r"kv_link: has no effect without pools", "    pools:\n      prefill: {hardware: h200-sxm, count: 2}\n      decode: {hardware: cs-3, count: 3}", "    hardware: cs-3\n    count: 4\n    kv_link: {shared_lanes: 2}"),
        ]
        for number, (says, old, new) in enumerate(cases):
            with self.subTest(says=says):
                self.assertIn(old, SCENARIO)
                path = self.write("pools.yaml", SCENARIO.replace(old, new, 1))
                self.refuses(2, says, "run", path, "-o", self.result, ranks=(1,) if number else (1, 3))

    def test_request_that_no_pool_holds(self):
        """A cache that the pool that decodes cannot hold is refused before the run."""
        sets = ("--set", "systems.layers.pools.decode.context_tokens=2000000", "--set", "workload.requests=1")
        says = r"systems\.layers\.pools\.decode: mixtral-8x7b: needs at least \d GPUs, has 1"
        self.refuses(2, says, "run", self.path, *sets, ranks=(1,))


if __name__ == "__main__":
    kerf_command.main()
