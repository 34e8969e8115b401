"""Draws a result.

    python3 -m kerf_analysis.plot RESULT OUT.png         the overview: output speeds, and where the time of a token goes
    python3 -m kerf_analysis.plot --all RESULT FOLDER    every picture, as FOLDER/NAME.png
    python3 -m kerf_analysis.plot --heat HEAT OUT.png    the maps of a file of kerf heat

A sweep has one picture, its frontier.
"""

import argparse
import pathlib
import sys

from kerf_analysis import figures
from kerf_analysis.frontier import frontier
from kerf_analysis.heat import heat_map, open_heat
from kerf_analysis.result import ResultError, read
from kerf_analysis.sweep import is_sweep, read_sweep


def main(arguments=None):
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="kerf_analysis.plot", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="draw every picture into a folder")
    parser.add_argument("--heat", action="store_true", help="the file is one of kerf heat")
    parser.add_argument("result", metavar="RESULT")
    parser.add_argument("out", metavar="OUT", type=pathlib.Path)
    options = parser.parse_args(arguments)
    try:
        if options.heat:
            heat_map(open_heat(options.result)).savefig(options.out)
        elif is_sweep(options.result):
            draw_sweep(read_sweep(options.result), options.out, options.all)
        else:
            draw(read(options.result), options.out, options.all)
    except (ResultError, OSError) as error:
        print(f"kerf_analysis.plot: {error}", file=sys.stderr)
        return 2
    return 0


def draw_sweep(sweep, out, everything):
    if everything:
        out.mkdir(parents=True, exist_ok=True)
    frontier(sweep).savefig(out / "frontier.png" if everything else out)


def draw(result, out, everything):
    if not everything:
        if not figures.has_decode(result):
            raise ResultError(f"{result.path}: no output speed to show, only first tokens; --all draws the rest")
        figures.overview(result).savefig(out)
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.all_of(result).items():
        figure.savefig(out / f"{name}.png")


if __name__ == "__main__":
    sys.exit(main())
