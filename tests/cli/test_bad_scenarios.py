#!/usr/bin/python3
"""What is wrong in a scenario or the catalog is said once, with file, line and how to mend it, on any number of ranks."""

import pathlib
import re
import shutil
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import kerf_command
from kerf_command import KerfTest, SOURCE, environment, kerf


class BadScenario(KerfTest):
    def refuses_change(self, says, *changes):
        """On one rank; one case in four also on three, for a start of mpirun takes longer than all the rest."""
        ranks = (1, 3) if zlib.crc32(says.encode()) % 4 == 0 else (1,)
        path = self.scenario(*changes)
        output = self.folder / "x.h5"
        self.refuses(2, says, "run", path, "-o", output, ranks=ranks)

    def test_misspelt_key_at_the_top(self):
        """A misspelt key at the top is named with its line and the nearest key."""
        self.refuses_change(r"s\.yaml:2: .*unknown key 'netwrok'; did you mean 'network'\?", ("network:", "netwrok:"))

    def test_misspelt_key_of_a_system(self):
        """A misspelt key of a system is named with its line, its system and the nearest key."""
        self.refuses_change(
            r"s\.yaml:10: systems\.wafers: unknown key 'hardwre'; did you mean 'hardware'\?",
            ("hardware: cs-3", "hardwre: cs-3"),
        )

    def test_misspelt_key_of_the_workload(self):
        """A misspelt key of the workload is named with its line and the nearest key."""
        self.refuses_change(
            r"s\.yaml:6: workload: unknown key 'promt_tokens'; did you mean 'prompt_tokens'\?",
            ("prompt_tokens", "promt_tokens"),
        )

    def test_unknown_network(self):
        """An unknown network is named with its line and the nearest name."""
        self.refuses_change(
            r"s\.yaml:2: network: 'mixtral-8x7' is not in the catalog under networks; did you mean 'mixtral-8x7b'\?",
            ("mixtral-8x7b", "mixtral-8x7"),
        )

    def test_unknown_hardware(self):
        """Unknown hardware is named with the system's line and the nearest name."""
        self.refuses_change(
            r"s\.yaml:13: systems\.gpus: 'h200-sxn' is not in the catalog under hardware; did you mean 'h200-sxm'\?",
            ("h200-sxm", "h200-sxn"),
        )

    def test_unknown_drafter_link_and_claim(self):
        """Unknown drafters, links and claims are named with the section that they were looked for in."""
        for line, section in [
            ("speculation: {drafter: no-such}", "drafters"),
            ("client_link: no-such", "links"),
            ("published: no-such", "claims"),
        ]:
            says = rf"s\.yaml:10: systems\.wafers: 'no-such' is not in the catalog under {section}"
            self.refuses_change(says, ("hardware: cs-3", f"hardware: cs-3\n    {line}"))

    def test_unit_that_is_none(self):
        """A unit that nobody knows is refused with the one that is wanted."""
        self.refuses_change(
            r"s\.yaml:15: .*rate: unknown unit 'parsec' \(a unit of 1/s is wanted\)", ("20 1/s", "10 parsec")
        )

    def test_unit_that_does_not_fit(self):
        """A unit of another dimension is refused with the one that is wanted."""
        self.refuses_change(
            r"s\.yaml:6: workload\.prompt_tokens: unit 'GB' does not fit: a unit of token is wanted", (": 100", ": 5 GB")
        )

    def test_negative_size(self):
        """A negative size is refused with the range that is allowed."""
        self.refuses_change(
            r"s\.yaml:6: workload\.prompt_tokens: must be between 1 and .*\(got -100\)", (": 100", ": -100")
        )

    def test_zero_count(self):
        """A count of zero is refused with the range that is allowed."""
        self.refuses_change(
            r"s\.yaml:11: systems\.wafers\.count: must be between 1 and .*\(got 0\)", ("count: 4", "count: 0")
        )

    def test_broken_number(self):
        """A value that is no number, or no whole one, is refused with its line."""
        self.refuses_change(r"s\.yaml:11: systems\.wafers\.count: 'four' is not a number", ("count: 4", "count: four"))
        self.refuses_change(
            r"s\.yaml:11: systems\.wafers\.count: a whole number is wanted", ("count: 4", "count: 4.5")
        )

    def test_duplicate_key(self):
        """A key that stands twice is refused with its line."""
        self.refuses_change(r"s\.yaml:12: YAML syntax: ", ("count: 4", "count: 4\n    count: 5"))

    def test_missing_key(self):
        """What a system must say and does not is named with what it means."""
        self.refuses_change(
            r"s\.yaml:10: systems\.wafers: 'count' is missing \(accelerators of one replica\)", ("    count: 4\n", "")
        )

    def test_unknown_baseline(self):
        """A baseline that is no system is refused with the nearest one."""
        self.refuses_change(
            r"s\.yaml:1: baseline: 'gpu' is not one of the systems; did you mean 'gpus'\?",
            ("title: two systems", "baseline: gpu"),
        )

    def test_number_format_that_is_none(self):
        """A number format that is none is refused with those that are."""
        self.refuses_change(
            r"s\.yaml:10: systems\.wafers: kv: 'fp9' is not a number format \(bf16, ",
            ("count: 4", "count: 4\n    kv: fp9"),
        )

    def test_network_that_is_no_language_model(self):
        """A network that cannot be served is refused with the reason."""
        self.refuses_change(r"s\.yaml:2: resnet50 is not a decoder", ("mixtral-8x7b", "resnet50"))

    def test_syntax(self):
        """A file that is no YAML is refused with file and line."""
        self.refuses_change(r"s\.yaml:\d+: YAML syntax: ", ("arrivals: poisson,", "arrivals: [poisson,"))

    def test_empty_files(self):
        """An empty scenario is refused as such."""
        for text in ["", "# nothing\n", "---\n"]:
            path = self.write("s.yaml", text)
            self.refuses(2, r"s\.yaml.*(empty\?|a map of keys is wanted)", "run", path, ranks=(1,))

    def test_zero_byte(self):
        """A scenario with a zero byte is refused as no text file."""
        path = self.write("s.yaml", b"network: x\0y\n")
        self.refuses(1, r"s\.yaml: holds a zero byte: not a text file", "run", path)

    def test_bad_override(self):
        """An override that is wrong is named as an override."""
        path = self.scenario()
        for override, says in [
            ("systems.wafers.count=0", r"--set.*systems\.wafers\.count: must be between 1"),
            ("systems.wafers.cuont=3", r"unknown key 'cuont'; did you mean 'count'\?"),
            ("workload.rate=5 GB", r"--set.*workload\.rate: unit 'GB' does not fit"),
            ("network.name=x", r"--set network\.name: 'network' is not a map of keys"),
            ("seed", r"--set seed: needs the form key\.path=value"),
            ("=3", r"--set =3: needs the form key\.path=value"),
        ]:
            self.refuses(2, says, "check", path, "--set", override, ranks=(1,))
        self.refuses(2, r"--set.*count", "check", path, "--set", "systems.wafers.count=0", ranks=(3,))


class BadImages(KerfTest):
    SMALLEST = "network: resnet50\nimages: {batch: 8}\nsystems:\n  a: {hardware: h100-sxm, count: 1}\n"

    def refuses_text(self, says, *changes, options=()):
        text = self.SMALLEST
        for old, new in changes:
            text = text.replace(old, new)
        self.refuses(2, says, "run", self.write("i.yaml", text), *options, ranks=(1, 3))

    def test_keys_of_the_section(self):
        """A misspelt key of images, at the top or in a system, is named with its line and the nearest key."""
        self.refuses_text(r"i\.yaml:2: images: unknown key 'bacth'; did you mean 'batch'\?", ("batch", "bacth"))
        self.refuses_text(
            r"i\.yaml:4: systems\.a\.images: unknown key 'step'; did you mean 'steps'\?",
            ("count: 1", "count: 1, images: {step: 2}"),
        )

    def test_keys_of_served_networks(self):
        """A workload has no place in a scenario about images, nor a decoder that writes token by token."""
        self.refuses_text(r"i\.yaml:\d+: scenario: unknown key 'workload'", ("systems:", "workload: {}\nsystems:"))
        self.refuses_text(r"i\.yaml:1: llama-3\.1-8b writes one token after the other", ("resnet50", "llama-3.1-8b"))

    def test_what_does_not_fit(self):
        """Images that do not fit an accelerator are refused with the system's line and the numbers."""
        self.refuses_text(
            r"i\.yaml:4: systems\.a: .* GB of weights and .* GB of activations of 1e\+06 images do not fit into 73\.6 GB",
            ("batch: 8", "batch: 1000000"),
        )

    def test_files_that_nobody_writes(self):
        """--checkpoint has no use in a run without an engine: it is refused, and no file is made."""
        self.refuses_text(r"i\.yaml: a scenario with `images` is worked out at once", options=("--checkpoint", self.folder / "x.h5"))

class Fabric(KerfTest):
    """A network that cannot be, or an algorithm that does not fit it, is refused; a rank that stops is named."""

    TEXT = """network: mixtral-8x7b
columns: nominal
workload: {prompt_tokens: 100, answer_tokens: 20}
systems:
  gpus:
    hardware: h200-sxm
    count: 16
    replicas: 2
    parallel: {tensor: 8, attention_data: 2, expert: 8}
    fabric:
      topology: fat-tree
      ports: 16
"""

    def write(self):
        path = self.folder / "fabric.yaml"
        path.write_text(self.TEXT)
        return path

    def test_what_cannot_be(self):
        """Links, vertices, algorithms, counts: each message has the line and says what there is."""
        path = self.write()
        section = "systems.gpus.fabric."
        for change, says in [
            ("faults=[{from: GPU 99, to: leaf switch 0, left: 0}]", r"faults\[0\]: 'GPU 99' is not in this network"),
            (
                "faults=[{from: GPU 9, to: leaf switch 0, left: 0}]",
                r"GPU 9 to leaf switch 0 does not exist; from GPU 9 lead cables to NVLink switch 1, leaf switch 1",
            ),
            (
                "faults=[{from: GPU 9, to: leaf switch 1, left: 0}]",
                r"no path from GPU \d+ .* to GPU \d+ .*: the link from .* is down",
            ),
            ("faults=[{from: GPU 9, to: leaf switch 1, left: 2}]", r"left: must be between 0 and 1"),
            ("faults=[{from: GPU 9, left: 0}]", r"faults\[0\]: 'to' is missing"),
            ("link=nothing", r"'nothing' is not in the catalog under links"),
            ("library=nothing", r"'nothing' is not in the catalog under collectives"),
            ("all_reduce=rings", r"fabric\.all_reduce: 'rings' is no such algorithm; there are fastest, ring-ll"),
            ("all_reduce=flat-ring", r"'flat-ring' does not fit this operation on these ranks; here fit: ring-ll"),
            ("experts=slow", r"expert exchange 'slow' is unknown; here fit: low-latency, all-to-all"),
            ("side_y=3", r"torus: a torus of 5 x 3 x 1 has 15 points; the network has 16 endpoints"),
            ("topology=graph", r"links go with topology graph"),
            ("stopped=[{accelerator: 32}]", r"stopped\[0\]: accelerator 32 of 32, counted from 0"),
        ]:
            torus = ["--set", section + "topology=torus"] if change.startswith("side") else []
            self.refuses(2, says, "check", path, *torus, "--set", section + change, ranks=(1,))

    def test_a_rank_that_stops(self):
        """A GPU that takes part no more ends the run with who waits for whom, on any number of ranks."""
        says = r"gpu \d+ waits for gpu 5: a collective of stage 0 misses it.*gpu 5: stopped at 0\.001000 s"
        stop = "systems.gpus.fabric.stopped=[{accelerator: 3, after: 1 ms}]"
        self.refuses(1, says, "run", self.write(), "-q", "--set", stop, ranks=(1, 2))


class TooSmall(KerfTest):
    def needed(self, pattern, *sets):
        """The number that a refusal asks for."""
        done = kerf("check", self.scenario(), *(word for value in sets for word in ("--set", value)))
        self.assertEqual(done.returncode, 2, done.stdout)
        found = re.search(pattern, done.stderr)
        self.assertTrue(found, done.stderr)
        return int(found.group(1))

    def test_wafers(self):
        """Too few wafers are refused with the number needed: that number works, one less does not."""
        for network in ["mixtral-8x7b", "gpt-oss-120b", "qwen3-235b-a22b"]:
            with self.subTest(network=network):
                one = [f"network={network}", "systems.wafers.count=1", "systems.gpus.kv=fp8"]
                needed = self.needed(r"systems\.wafers: needs at least (\d+) cs-3 wafers for \S+ .*, has 1", *one)
                path = self.folder / "s.yaml"
                sets = ["--set", f"network={network}", "--set", "systems.gpus.kv=fp8"]
                self.succeeds("check", path, "-q", *sets, "--set", f"systems.wafers.count={needed}")
                self.refuses(
                    2,
                    rf"s\.yaml:10: systems\.wafers: needs at least {needed} cs-3 .*has {needed - 1}$",
                    *("check", path, *sets, "--set", f"systems.wafers.count={needed - 1}"),
                    ranks=(1,),
                )

    def test_wafers_on_several_ranks(self):
        """Too few wafers are refused once on several ranks."""
        path = self.scenario(("count: 4", "count: 2"))
        self.refuses(2, r"s\.yaml:10: systems\.wafers: needs at least 3 cs-3", "run", path, "-o", self.folder / "x.h5")

    def test_too_many_wafers(self):
        """More wafers than the network has layers are refused with the number that is left empty."""
        path = self.scenario(("count: 4", "count: 50"))
        self.refuses(2, r"s\.yaml:10: systems\.wafers: .*more than \d+ cs-3 wafers would stand empty", "check", path)

    def test_gpus(self):
        """Too few GPUs are refused with the number needed, and that number works."""
        sets = ["network=kimi-k2.6", "systems.wafers.count=20", "systems.gpus.hardware=gb200-nvl72"]
        for weights, count in [("native", 2), ("fp8_block", 4), ("bf16", 8)]:
            with self.subTest(weights=weights):
                held = [*sets, f"systems.gpus.weights={weights}"]
                says = rf"systems\.gpus: .*needs at least (\d+)\b.*, has {count} "
                needed = self.needed(says, *held, f"systems.gpus.count={count}")
                path = self.folder / "s.yaml"
                words = [word for value in held for word in ("--set", value)]
                self.succeeds("check", path, "-q", *words, "--set", f"systems.gpus.count={needed}")

    def test_gpus_that_no_domain_has(self):
        """A network that takes several NVLink domains is refused with the GPUs that it takes."""
        path = self.scenario(("mixtral-8x7b", "megatron-1t"), ("count: 4", "count: 64"))
        says = r"s\.yaml:13: systems\.gpus: .*megatron-1t: needs at least 16 GPUs, has 8"
        self.refuses(2, says, "check", path, ranks=(1,))

    def test_tensor_that_does_not_divide(self):
        """A tensor-parallel size that does not divide heads or GPUs is refused with both numbers."""
        path = self.scenario()
        for sets, says in [
            (["systems.gpus.parallel.tensor=3"], r"parallel: tensor 3 x attention_data 2 must be the 8 GPUs"),
            (["systems.gpus.count=6"], r"parallel\.tensor: 6 does not divide the 32 attention heads"),
            (["systems.gpus.parallel.expert=3"], r"parallel\.expert: 3 does not divide the 8 GPUs"),
            (["systems.gpus.count=9"], r"parallel\.tensor: 9 does not divide the 32 attention heads"),
            (
                ["systems.gpus.count=12", "systems.gpus.parallel.tensor=4", "systems.gpus.parallel.expert=4"],
                r"parallel: a replica of 12 GPUs must fill NVLink domains of 8 or divide them",
            ),
            (["systems.gpus.parallel.pipeline=3"], r"parallel\.pipeline: 3 stages do not divide the 8 GPUs"),
        ]:
            words = [word for value in sets for word in ("--set", value)]
            self.refuses(2, rf"s\.yaml:13: systems\.gpus: {says}", "check", path, *words, ranks=(1,))


class BadCatalog(KerfTest):
    """Damaged copies of the catalog."""

    def setUp(self):
        super().setUp()
        self.catalog = self.folder / "catalog"
        shutil.copytree(SOURCE / "models" / "catalog", self.catalog)

    def refuses_damage(self, says, pattern, replacement, ranks=(1,)):
        path = self.catalog / "hardware" / "cs-3.yaml"
        text = path.read_text()
        damaged, count = re.subn(pattern, replacement, text, count=1, flags=re.MULTILINE)
        self.assertEqual(count, 1, pattern)
        line = next(
            (i for i, (old, new) in enumerate(zip(text.splitlines(), damaged.splitlines()), 1) if old != new), 0
        )
        path.write_text(damaged)
        env = environment(KERF_CATALOG=str(self.catalog))
        says = says.replace("LINE", f"cs-3\\.yaml:{line}")
        self.refuses(2, says, "run", self.scenario(), "-o", self.folder / "x.h5", ranks=ranks, env=env)

    def test_unknown_leaf(self):
        """An unknown leaf is named with its line and the nearest leaf."""
        self.refuses_damage(
            r"s\.yaml:10: systems\.wafers: .*LINE: leaves: unknown key 'clok_Hz'; did you mean 'clock_Hz'\?",
            r"^  clock_Hz:",
            "  clok_Hz:",
            ranks=(1, 3),
        )

    def test_missing_leaf(self):
        """A leaf that is required and missing is named with its meaning and unit."""
        self.refuses_damage(r"cs-3\.yaml.*: leaves: 'io_Bps' is missing \(.*, in B/s\)", r"^  io_Bps: .*\n", "")

    def test_wrong_unit(self):
        """A leaf in a unit of another dimension is refused with the one that is wanted."""
        self.refuses_damage(
            r"LINE: leaves\.io_Bps: unit 'GHz' does not fit: a unit of B/s is wanted",
            r"^(  io_Bps: .*)unit: [^,]*,",
            r"\1unit: GHz,",
        )

    def test_low_above_value(self):
        """A range that does not hold its value is refused."""
        self.refuses_damage(
            r"LINE: leaves\.clock_Hz: low <= value <= high does not hold", r"^(  clock_Hz: .*low: )[\d.]+", r"\g<1>99"
        )

    def test_no_source_and_no_range(self):
        """A number without a source and without a range is refused with what it needs."""
        self.refuses_damage(
            r"LINE: leaves\.io_latency_s: a number without a source needs low and high",
            r"^  io_latency_s: .*$",
            "  io_latency_s: {value: 5, unit: us, confidence: low}",
        )

    def test_undeclared_source(self):
        """A source that is not declared is refused by its name."""
        self.refuses_damage(
            r"LINE: leaves\.clock_Hz: source 'hearsay' is not under sources",
            r"^(  clock_Hz: .*source: )\[[^\]]*\]",
            r"\1[hearsay]",
        )

    def test_unknown_kind(self):
        """Hardware of a kind that is none is refused with its line."""
        self.refuses_damage(r"LINE: kind: 'abacus' is no device", r"^kind: wafer", "kind: abacus")

    def test_entry_that_cannot_be_read(self):
        """kerf catalog NAME says what is wrong with an entry that it cannot read."""
        path = self.catalog / "hardware" / "cs-3.yaml"
        path.write_text(path.read_text().replace("leaves:", "leaves: {{"))
        env = environment(KERF_CATALOG=str(self.catalog))
        self.refuses(2, r"cs-3\.yaml:\d+: YAML syntax: ", "catalog", "cs-3", env=env)

    def test_catalog_that_is_none(self):
        """A KERF_CATALOG that is no directory is refused by its name."""
        env = environment(KERF_CATALOG=str(self.folder / "none"))
        self.refuses(2, r"KERF_CATALOG=.*none: is not a directory", "check", self.scenario(), env=env)
        empty = self.folder / "empty"
        empty.mkdir()
        env = environment(KERF_CATALOG=str(empty))
        self.refuses(1, r"no such section in the catalog", "check", self.scenario(), env=env, ranks=(1,))


if __name__ == "__main__":
    kerf_command.main()
