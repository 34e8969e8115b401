#!/usr/bin/python3
"""Strong scaling: what two ranks were measured to do, and what many ranks can be expected to do.

    tests/bench/scaling.py [--build build] [--quick] [--repeat 3] [--network-us 2]

Two models, nothing folded: a fleet of 64 nodes that serve a Poisson load, and one training step of 1,024 accelerators,
with and without promises of silence. One and two ranks are measured, in turns. More ranks are rehearsed: one rank keeps
the rounds that so many ranks would have, and counts what the busiest of them has to do in each. The time of P ranks is

    events of the busiest rank, summed over rounds, x CPU seconds per event on one rank + rounds x cost of meeting

"load allows": events over those of the busiest rank, as if meeting were free; "busiest LP allows": events over those of
the busiest process of each round, which no cut with these rounds can beat. docs/benchmarks.md says more.
"""

import argparse
import dataclasses
import math
import os
import statistics
import sys

import measuring

MEETING = "--model training --no-promises --pipeline 4 --tensor 2 --data 2 --micro-batches 64"
TRIES = 5
PROJECTED = (2, 64, 256, 1024)
SMALL = "--pipeline 4 --tensor 2 --data 4 --micro-batches 8"


@dataclasses.dataclass
class Model:
    name: str
    what: str
    arguments: str
    quick: str  # arguments that are added for a short run


MODELS = (
    Model("fleet", "64 nodes of 8 GPUs, Poisson load", "--model fleet", "--requests 200"),
    Model("training", "one step, accelerator by accelerator, with promises", "--model training", SMALL),
    Model(
        "training, no promises",
        "the same, lookahead is the latency of the links",
        "--model training --no-promises",
        SMALL,
    ),
)


def measure(program, arguments, repeat):
    """Lines of one and of two ranks, which take turns; the digests of all are one."""
    lines = {1: [], 2: []}
    for _ in range(repeat):
        for ranks, of_ranks in lines.items():
            of_ranks.append(measuring.run(program, arguments, ranks)[0])
    if len({(line["digest"], line["events"]) for of_ranks in lines.values() for line in of_ranks}) != 1:
        raise measuring.Failed(f"{' '.join(arguments)}: one and two ranks differ in the result")
    return lines


def median(lines, key):
    return statistics.median(line[key] for line in lines)


def is_busy(lines):
    return median(lines, "cpu_share") < measuring.BUSY_SHARE


def star(busy):
    return "*" if busy else ""


def count(number):
    return f"{number:,.0f}"


def print_table(heads, rows):
    cells = [heads, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    for row in cells:
        padded = [cell.rjust(width) for cell, width in zip(row, widths)]
        print("  ".join([row[0].ljust(widths[0]), *padded[1:]]))


def print_measured(lines):
    rows = []
    for ranks, of_ranks in lines.items():
        line, run_s = of_ranks[0], median(of_ranks, "run_s")
        rows.append(
            [
                f"measured, {ranks} rank{'s' if ranks > 1 else ''}",
                count(line["events"]),
                f"{run_s:.3f}{star(is_busy(of_ranks))}",
                f"{line['events'] / run_s / 1e6:.3g} M",
                count(line["rounds"]),
                count(line["events"] / line["rounds"] / ranks),
                count(line["windows"]),
                f"{median(lines[1], 'run_s') / run_s:.2f}{star(is_busy(lines[1]) or is_busy(of_ranks))}",
            ]
        )
    print_table(
        ["", "events", "run s", "events/s", "rounds", "events/round/rank", "windows", "speed-up"], rows
    )


def measure_meeting_s(program, tries):
    """Seconds that a round of two ranks takes beside its events: from a model with two events in a round, by the
    quickest of a few runs. It is none of the models of the table, so that their check is a check."""
    arguments = MEETING.split()
    alone = min((measuring.run(program, arguments)[0] for _ in range(tries)), key=lambda line: line["cpu_s"])
    rehearsed = measuring.run(program, [*arguments, "--rehearse", 2])[0]
    two = min((measuring.run(program, arguments, 2)[0] for _ in range(tries)), key=lambda line: line["run_s"])
    events_s = rehearsed["rehearsed_events"] * alone["cpu_s"] / alone["events"]
    return max(two["run_s"] - events_s, 0.0) / two["rounds"], is_busy([two])


def project(rehearsed, event_s, meeting):
    """Seconds of so many ranks."""
    return rehearsed["rehearsed_events"] * event_s + rehearsed["rounds"] * meeting


@dataclasses.dataclass
class Costs:
    event_s: float  # CPU seconds per event, measured on one rank
    here_s: float  # of meeting once, measured on two ranks of this machine
    network_s: float  # assumed: of one of the log2(P) steps in a network

    def meeting_s(self, ranks, network):
        return math.log2(ranks) * self.network_s if network else self.here_s


def print_projection(rehearsed, costs):
    rows = []
    for ranks, line in rehearsed.items():
        alone_s = line["events"] * costs.event_s
        cells = [f"projected, {ranks} ranks", count(line["rounds"]), f"{line['events'] / line['rounds'] / ranks:.3g}"]
        cells.append(f"{line['events'] / line['rehearsed_events']:.2f}")
        for network in (False, True):
            time_s = project(line, costs.event_s, costs.meeting_s(ranks, network))
            cells += [f"{alone_s / time_s:.2f}", f"{100 * alone_s / time_s / ranks:.2g} %"]
        cells.append(f"{line['events'] / line['critical_events']:.1f}")
        rows.append(cells)
    heads = ["", "rounds", "events/round/rank", "load allows", "meeting as here", "efficiency", "in a network", "efficiency"]
    print_table([*heads, "busiest LP allows"], rows)


def report(model, lines, rehearsed, here_s, network_s):
    one = lines[1][0]
    costs = Costs(median(lines[1], "cpu_s") / one["events"], here_s, network_s)
    print(f"\n{model.name}: {model.what}; {count(one['lps'])} logical processes")
    print_measured(lines)
    print_projection(rehearsed, costs)
    print(f"measured on one rank: {1e9 * costs.event_s:.0f} ns of CPU per event")
    speed_up = rehearsed[2]["events"] * costs.event_s / project(rehearsed[2], costs.event_s, costs.here_s)
    measured = median(lines[1], "run_s") / median(lines[2], "run_s")
    busy = is_busy(lines[1]) or is_busy(lines[2])
    print(
        f"check at 2 ranks: speed-up {speed_up:.2f} projected, {measured:.2f} measured"
        f"{' on a busy machine: no check of time' if busy else ''}; rounds {count(rehearsed[2]['rounds'])} rehearsed, "
        f"{count(lines[2][0]['rounds'])} real"
    )


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="folder of the build (build)")
    parser.add_argument("--quick", action="store_true", help="small models: does everything run")
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the median counts (3)")
    parser.add_argument("--network-us", type=float, default=2.0, help="assumed per step of a meeting in a network (2)")
    return parser.parse_args()


def main():
    settings = parse()
    program = measuring.find_program(settings.build, "bench_scaling")
    if not program:
        sys.exit(f"scaling.py: {settings.build} has no bench_scaling; build it first, or give --build")
    load, cores = os.getloadavg()[0], os.cpu_count()
    print(f"{cores} cores, load {load:.1f}{': more than cores, this machine is busy' if load > cores else ''}")
    print("*: ranks got less than 90 % of their cores; wall time and speed-up say nothing then")
    print(f"assumed: meeting in a network costs log2(ranks) x {settings.network_us:g} us")
    print("assumed: an event costs on each of many ranks what it costs on one")
    here_s, busy = measure_meeting_s(program, TRIES)
    print(f"measured: meeting here costs {1e6 * here_s:.1f}{star(busy)} us on two ranks, taken for any number of them")
    for model in MODELS:
        arguments = [*model.arguments.split(), *(model.quick.split() if settings.quick else [])]
        lines = measure(program, arguments, settings.repeat)
        rehearsed = {
            ranks: measuring.run(program, [*arguments, "--rehearse", ranks])[0] for ranks in PROJECTED
        }
        report(model, lines, rehearsed, here_s, settings.network_us * 1e-6)


if __name__ == "__main__":
    try:
        main()
    except measuring.Failed as failed:
        sys.exit(f"scaling.py: {failed}")
