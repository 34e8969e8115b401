"""A file of `kerf validate -o`: measured and predicted values, a row each. Knows nothing of pictures."""

import pathlib

import h5py
import pandas as pd

from kerf_analysis.result import LAYOUT_VERSION, ResultError, columns_in, read_provenance, reason_of, text_of, texts_of

COLUMNS = ["id", "use", "metric", "about", "hardware", "software", "measured", "predicted", "low", "high", "error"]
COLUMNS += ["naive", "reason"]


def read_validation(path):
    """The rows of a validation as a pandas.DataFrame; units and provenance stand in its attrs.

    Rows without a prediction have NaN in its columns and say in `reason` why.
    """
    path = pathlib.Path(path)
    try:
        with h5py.File(path, "r") as file:
            check(path, file)
            group = file["validation"]
            frame = pd.DataFrame({name: values_of(group[name]) for name in COLUMNS})
            frame.attrs["units"] = {name: text_of(dataset.attrs["units"]) for name, dataset in columns_in(group)}
            frame.attrs["provenance"] = read_provenance(file["provenance"])
            return frame
    except FileNotFoundError:
        raise ResultError(f"{path}: no such file") from None
    except OSError as error:
        raise ResultError(f"{path}: {reason_of(error)}") from None


def check(path, file):
    if "validation" not in file or "provenance" not in file:
        raise ResultError(f"{path}: not a validation: it has no /validation; `kerf validate -o` writes one")
    if file.attrs.get("layout_version", 0) > LAYOUT_VERSION:
        raise ResultError(f"{path}: was written by a later Kerf: use the analysis/ that came with it")
    for name in COLUMNS:
        if name not in file["validation"]:
            raise ResultError(f"{path}: not a whole validation: it has no /validation/{name}")


def values_of(dataset):
    return texts_of(dataset) if dataset.dtype.kind == "S" else dataset[()]
