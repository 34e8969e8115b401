#!/usr/bin/python3
"""Prints the table of the engine's speed: what each benchmark does, what was aimed at, and what others reach.

    tests/bench/run.py [--build build] [--quick] [--repeat 5] [--only WORD ...] [--no-instructions]

Every figure is the median of the repeated runs (--repeat), on one rank and, where it says so, on two. --quick makes short
runs; --only takes the rows whose name has one of the words. A figure with a star was measured while somebody else had a
core; then events per CPU second are the better guide, though still low, for caches and memory are shared. What is
measured and how to read it: docs/benchmarks.md.
"""

import argparse
import dataclasses
import os
import platform
import statistics
import sys
import tempfile
import time

import measuring

MEGA = 1e6
COUNTED = ("50k", "150k")  # lengths of the runs whose instructions are counted

PEERS = """\
Beside it: figures of others, measured on a machine of the same kind (2 cores, 2.5 GHz): medians, +-30 % each.
"ROSS" is its sequential mode unless it says conservative; "prototype" is a bare conservative kernel without
statistics, checks or a model behind a pointer; "instr" is instructions per event."""


@dataclasses.dataclass
class Row:
    name: str
    program: str
    arguments: str
    quick: str  # arguments that are added for a short run
    target: str
    peers: str
    parallel: bool = False  # also measured on several ranks
    counted: bool = False  # its instructions, by --total; needs few pending events
    least: float = 0.0  # million per second, the goal on one rank


def phold(name, arguments, peers, total="8M", target="10", **more):
    quick = "--total 1M" if "1048576" not in arguments else "--total 17M"
    return Row(
        f"PHOLD {name}",
        "bench_phold",
        f"{arguments} --total {total}",
        quick,
        f">= {target} M/s; 2 ranks 1.6 x",
        peers,
        parallel=True,
        least=float(target),
        **more,
    )


def collective(name, arguments, quick, peers, target=">= 20 M/s"):
    return Row(f"LogGP {name}", "bench_collectives", arguments, quick, target, peers, parallel=True, least=20.0)


def flows(pattern, peers):
    arguments = f"--flows 1024 --pattern {pattern}"
    return Row(f"flows, 1,024, {pattern}", "bench_flows", arguments, "--total 100k", ">= 0.3 M/s", peers, least=0.3)


def fabric(name, arguments, quick, peers):
    return Row(f"fabric {name}", "bench_fabric", arguments, quick, "", peers, parallel=True)


def hold(loop, pending, name, peers):
    return Row(f"bare {loop} {name}".strip(), "bench_hold", f"--loop {loop} --pending {pending}", "--holds 2M", "", peers)


ROWS = [
    phold(
        "1k x 16",
        "--lps 1024 --events 16",
        "ROSS 0.95, conservative 2 ranks 1.17; prototype 14-18, 2 ranks 21-31",
        counted=True,
    ),
    phold("64k x 1", "--lps 65536 --events 1", "ROSS 0.42; prototype 11-15, 2 ranks 20-30"),
    phold("64k x 16", "--lps 65536 --events 16", "ROSS 0.21; prototype 10-14, 2 ranks 18-28", total="16M"),
    phold("1M x 16", "--lps 1048576 --events 16", "prototype 12", total="48M"),
    phold(
        "64k x 16, 64-byte events, 256-byte state",
        "--lps 65536 --events 16 --payload 32 --state 256",
        "prototype 6-12",
        total="16M",
        target="6",
    ),
    phold("1k x 16, a tenth remote", "--lps 1024 --events 16 --remote 0.1", ""),
    phold("1k x 16, half of the traffic to 1 %", "--lps 1024 --events 16 --skew 0.5", ""),
    phold("64k x 1, lookahead 1 % of the mean", "--lps 65536 --events 1 --lookahead 0.01 --mean 0.99", ""),
    collective("ring, 1,024 ranks", "--ranks 1024", "--ranks 256", "LogGOPSim 0.47; ASTRA-sim 4.2; prototype 31-47"),
    collective("ring, 1,024 ranks, uneven", "--ranks 1024 --uneven 0.5", "--ranks 256", "ASTRA-sim 0.126"),
    collective(
        "halving-doubling, 1,048,576 ranks",
        "--algorithm halving-doubling --ranks 1048576",
        "--ranks 65536",
        "prototype 27-32, 145 MB",
        ">= 20 M/s, < 2 s, < 200 MB",
    ),
    collective(
        "halving-doubling, 1,048,576 ranks, uneven",
        "--algorithm halving-doubling --ranks 1048576 --uneven 0.5",
        "--ranks 65536",
        "",
    ),
    flows("shift", "SimGrid 0.0008; prototype 0.6-1.1"),
    flows("random", ""),
    fabric("all-to-all, 1,024 GPUs, 8 rails", "--ecmp", "--steps 16", "SimGrid SMPI fails at 1,024 ranks"),
    fabric("ring, 1,024 GPUs, 8 rails", "--operation ring", "--steps 16", "SimGrid SMPI all-reduce, 256 ranks: 13 s"),
    fabric(
        "all-to-all, 16,384 GPUs, 128 of 2,047 steps",
        "--gpus 16384 --leaf 32 --ecmp --steps 128",
        "--steps 4",
        "",
    ),
    fabric("all-to-all, 16,384 GPUs, rails folded", "--gpus 16384 --leaf 32 --ecmp --fold", "--steps 4", ""),
    fabric("ring, 16,384 GPUs, rails folded", "--gpus 16384 --leaf 32 --operation ring --fold", "--steps 4", ""),
    hold("heap", 1024, "1k", "23.6 on an idle machine"),
    hold("heap", 65536, "64k", "8.8 on an idle machine"),
    hold("heap", 4194304, "4M", "1.2 on an idle machine"),
    hold("touch", 1024, "1k", ""),
    hold("touch", 65536, "64k", ""),
    hold("touch", 4194304, "4M", "25-35 out of cache"),
    hold("wheel", 1024, "1k", ""),
    hold("wheel", 65536, "64k", ""),
    hold("wheel", 4194304, "4M", ""),
    hold("draw", 1, "", ""),
]


@dataclasses.dataclass
class Measured:
    rate: float  # per second of wall time
    rate_cpu: float  # per second of CPU time and rank
    seconds: float
    peak_MB: float
    events_per_window: float
    busy: bool


def median_of(lines, *names):
    return statistics.median(next((line[name] for name in names if name in line), 0.0) for line in lines)


def summary_of(lines):
    return Measured(
        rate=median_of(lines, "events_per_s", "holds_per_s"),
        rate_cpu=median_of(lines, "events_per_cpu_s", "holds_per_cpu_s"),
        seconds=median_of(lines, "run_s"),
        peak_MB=median_of(lines, "rss_sum_MB"),
        events_per_window=median_of(lines, "events_per_window"),
        busy=statistics.median(line.get("cpu_share", 1.0) for line in lines) < measuring.BUSY_SHARE,
    )


def measure(program, arguments, rank_counts, repeat):
    """A Measured for each number of ranks. They take turns, so that others on the machine disturb all alike."""
    lines = {ranks: [] for ranks in rank_counts}
    for _ in range(repeat):
        for ranks in rank_counts:
            lines[ranks].append(measuring.run(program, arguments, ranks)[0])
    if len({line.get("digest") for of_ranks in lines.values() for line in of_ranks}) > 1:
        raise measuring.Failed(f"{program} {' '.join(arguments)}: runs have different digests")
    return [summary_of(lines[ranks]) for ranks in rank_counts]


def million(rate, busy=False):
    return f"{rate / MEGA:.3g}{'*' if busy else ''}" if rate else ""


def row_cells(row, options, counter, program):
    """What the table says of a row."""
    arguments = row.arguments.split()
    if options.quick and row.quick:
        arguments += row.quick.split()  # the last one of an option counts
    rank_counts = (1, options.ranks) if row.parallel and options.ranks > 1 else (1,)
    one, *more = measure(program, arguments, rank_counts, options.repeat)
    cells = {
        "benchmark": row.name,
        "1 rank": million(one.rate, one.busy),
        "per CPU s": million(one.rate_cpu),
        "s": f"{one.seconds:.2f}" if one.seconds else "",
        "MB": f"{one.peak_MB:.0f}" if one.peak_MB else "",
        "per window": f"{one.events_per_window:.3g}" if one.events_per_window else "",
        "target": row.target,
        "others": row.peers,
    }
    for several in more:
        cells[f"{options.ranks} ranks"] = million(several.rate, several.busy)
        cells["x"] = f"{several.rate / one.rate:.2f}"
    if counter and row.counted:
        cells["instr"] = f"{measuring.instructions_per_event(counter, program, row.arguments.split(), COUNTED):.0f}"
    if row.least and not options.quick:
        cells["target"] += ": met" if max(one.rate, one.rate_cpu) >= row.least * MEGA else ": short"
    return cells


def print_table(rows, ranks):
    rates = ["1 rank", "per CPU s", f"{ranks} ranks", "x"]
    heads = ["benchmark", *rates, "instr", "s", "MB", "per window", "target", "others"]
    heads = [head for head in heads if any(row.get(head) for row in rows)]
    widths = {head: max(len(head), *(len(row.get(head, "")) for row in rows)) for head in heads}
    print("| " + " | ".join(head.ljust(widths[head]) for head in heads) + " |")
    print("|" + "|".join("-" * (widths[head] + 2) for head in heads) + "|")
    for row in rows:
        print("| " + " | ".join(row.get(head, "").ljust(widths[head]) for head in heads) + " |")


def memory_rows(options, program):
    """What an LP and a pending event cost, by the difference of runs that differ in nothing else."""
    few, many = (1024, 131072) if options.quick else (1024, 1048576)
    chains = 8 if options.quick else 32

    def lines_of(*arguments):
        return [measuring.run(program, arguments)[0] for _ in range(options.repeat)]

    bare = [lines_of("--events", 0, "--lps", lps, "--state", 0, "--total", 0) for lps in (few, many)]
    low, high = (lines_of("--lps", 65536, "--events", e, "--total", 65536 * e * 4) for e in (1, 1 + chains))
    per_lp = (median_of(bare[1], "rss_max_MB") - median_of(bare[0], "rss_max_MB")) * MEGA / (many - few)
    per_event = (median_of(high, "rss_max_MB") - median_of(low, "rss_max_MB")) * MEGA / (65536 * chains)
    start_us = median_of(bare[1], "setup_us_per_lp")
    return [
        ("an LP with the smallest state", f"{per_lp:.0f} bytes", "", "SST-core 20 KB"),
        ("a pending event without payload", f"{per_event:.0f} bytes", "<= 64 bytes", "ROSS 352 bytes"),
        ("start-up of an LP", f"{start_us:.2f} us", "<= 0.2 us", "ROSS 16 us"),
    ]


def checkpoint_rows(options):
    """How fast a checkpoint is written and read, on one rank and two, and how large it is."""
    program = measuring.find_program(options.build, "bench_checkpoint")
    if not program:
        return []
    size = ("--lps", "20k", "--total", "400k") if options.quick else ("--lps", "1M", "--total", "16M")
    rows = []
    for ranks in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            arguments = (*size, "--file", f"{folder}/checkpoint.h5")
            lines = [measuring.run(program, arguments, ranks)[0] for _ in range(options.repeat)]
        write, read, file = (median_of(lines, name) for name in ("write_MB_per_s", "read_MB_per_s", "file_MB"))
        words = f"{write:.0f} MB/s written, {read:.0f} MB/s read, {file:.0f} MB"
        rows.append((f"a checkpoint, {ranks} rank{'s' if ranks > 1 else ''}", words, "", ""))
    return rows


NOISE = "--noise 0.0005 --sigma 0.03"
STEPS = [  # name, arguments, seconds allowed, MB allowed
    ("1,024 GPUs", "--gpus 1024", 1.0, None),
    ("16,384 GPUs", "--gpus 16384", 10.0, 1000.0),
    ("100,000 GPUs, folded", "--gpus 100000 --fold", 60.0, None),
    ("100,000 GPUs", "--gpus 100000", None, None),
    ("1,024 GPUs, noise", f"--gpus 1024 {NOISE}", 5.0, None),
    ("16,384 GPUs, noise", f"--gpus 16384 {NOISE}", 90.0, None),
]


def step_cells(options, program, name, arguments, seconds, megabytes):
    """A training step: seconds with set-up, memory, events per second on one rank and on two."""
    one, two = (
        [measuring.run(program, arguments.split(), ranks)[0] for _ in range(options.repeat)] for ranks in (1, 2)
    )
    if len({line["digest"] for line in one + two}) > 1:
        raise measuring.Failed(f"{name}: digests differ")
    wall = median_of(one, "run_s") + median_of(one, "setup_s")
    met = wall < (seconds or wall + 1.0) and median_of(one, "rss_max_MB") < (megabytes or 1e9)
    goal = " ".join([f"< {seconds:g} s" if seconds else "", f"< {megabytes:g} MB" if megabytes else ""]).strip()
    return [
        name,
        f"{median_of(one, 'events'):.0f}",
        f"{wall:.3g}",
        f"{median_of(one, 'cpu_s'):.3g}",
        f"{median_of(one, 'rss_max_MB'):.0f}",
        million(median_of(one, "events_per_s"), False),
        million(median_of(two, "events_per_s"), False),
        f"{goal}: {'met' if met else 'short'}" if goal else "",
    ]


def print_steps(options, program):
    print("\nA training step of GPT-3 175B, 1F1B: 96 layers on 16 stages x 8 GPUs, 192 micro-batches per replica\n")
    print("| GPUs | events | s | CPU s | MB | M events/s | 2 ranks | goal |\n|---|---|---|---|---|---|---|---|")
    for step in STEPS[:3] if options.quick else STEPS:
        print("| " + " | ".join(step_cells(options, program, *step)) + " |")


def print_memory(rows):
    print("\n| cost | measured | target | others |\n|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def describe_machine(options, counter):
    model = "unknown processor"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        model = platform.processor() or model
    print(f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"medians of {options.repeat} runs, in million events, messages, flows or holds per second")
    print(f"instructions: {f'counted by {counter}' if counter else 'not counted here'}")
    if os.getloadavg()[0] > 0.5:
        print("THE MACHINE IS BUSY: read the column of CPU seconds, and do not believe two ranks.")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--ranks", type=int, default=2, help="of the runs beside those on one rank (1: none)")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD")
    parser.add_argument("--no-instructions", action="store_true", help="count none (valgrind is slow)")
    return parser.parse_args()


def main():
    options = parse()
    counter = None if options.no_instructions else measuring.instruction_counter()
    describe_machine(options, counter)
    begin_s, rows, missing = time.monotonic(), [], set()
    for row in ROWS:
        program = measuring.find_program(options.build, row.program)
        if not program:
            missing.add(row.program)
        elif not options.only or any(word in row.name for word in options.only):
            print(f"{row.name} ...", file=sys.stderr)
            rows.append(row_cells(row, options, counter, program))
    if rows:
        print(f"\n{PEERS}\n")
        if options.quick:
            print("Short runs, and some are smaller than their name says: fit for finding mistakes, not for quoting.\n")
        print_table(rows, options.ranks)
    program = measuring.find_program(options.build, "bench_phold")
    if program and (not options.only or "memory" in options.only):
        print_memory(memory_rows(options, program) + checkpoint_rows(options))
    program = measuring.find_program(options.build, "bench_pipeline")
    if program and (not options.only or "step" in options.only):
        print_steps(options, program)
    for name in sorted(missing):
        print(f"left out: this build has no {name}")
    if any("*" in cell for row in rows for cell in row.values()):
        print("* somebody else had a core during this run: the machine was busy")
    print(f"done after {time.monotonic() - begin_s:.0f} s, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    try:
        main()
    except measuring.Failed as failed:
        sys.exit(f"run.py: {failed}")
