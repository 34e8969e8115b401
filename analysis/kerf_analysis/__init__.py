"""Reads Kerf's result files and draws them: kerf.open(path), kerf.figures, python3 -m kerf_analysis.plot.

    import kerf_analysis as kerf
    result = kerf.open("results/kimi-k2.6-single-stream.h5")
    result.summary              # xarray.Dataset: system x column (low, nominal, high) x part
    result.ratio("output_speed_per_user").to_pandas()
    kerf.figures.output_speed(result).savefig("speed.png")
    kerf.open_validation("validation.h5")   # of kerf validate -o: pandas.DataFrame
    kerf.open_costed("training.h5")         # of a scenario with `training` or `images`: xarray.Dataset
    kerf.heat_map(kerf.open_heat("heat.h5")).savefig("heat.png")   # of kerf heat -o
    sweep = kerf.open_sweep("frontier.h5")  # of kerf run -o on a scenario with a sweep
    kerf.frontier.frontier(sweep).savefig("frontier.png")

docs/results.md describes the files.
"""

from kerf_analysis import figures, frontier
from kerf_analysis.costed import read_costed as open_costed
from kerf_analysis.heat import heat_map, open_heat
from kerf_analysis.result import METRICS, Result, ResultError, latest, read
from kerf_analysis.sweep import Sweep
from kerf_analysis.sweep import read_sweep as open_sweep
from kerf_analysis.validation import read_validation as open_validation

open = read  # `kerf.open(path)` reads well; inside the package the function is called `read`

__all__ = ["METRICS", "Result", "ResultError", "Sweep", "figures", "frontier", "heat_map", "latest", "open", "open_costed"]
__all__ += ["open_heat", "open_sweep", "open_validation"]
