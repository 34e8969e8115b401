#!/usr/bin/python3
"""kerf validate: what it prints and writes of a table, and what it says of a bad one."""

import csv
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import kerf_command
from kerf_command import SOURCE, KerfTest

MEASURED = SOURCE / "tests" / "support" / "measured.csv"


class Validate(KerfTest):
    def test_scores_keep_fitted_rows_apart(self):
        """Two rows are scored, one was used for a fit, one has a reason; rows are printed when asked for."""
        out = self.succeeds("validate", MEASURED, "--rows")
        scored, fitted = out.split("the same, rows that helped to set a leaf:")
        self.assertRegex(scored, r"\nllama-3.1-8b +h100-sxm +tpot_s +2 ")
        self.assertRegex(scored, r"\nall +2 ")
        self.assertRegex(fitted, r"\nllama-3.1-8b +h100-sxm +tpot_s +1 ")
        self.assertIn("4 rows, 3 predicted, 1 not predicted:\n      1  metric accept_len", fitted)
        self.assertRegex(out, r"(?m)^S3 .* no +score$")
        self.assertNotIn("S3", self.succeeds("validate", MEASURED))

    def test_csv_has_every_row(self):
        """Error is predicted / measured - 1, the range holds the prediction, and a row without one has a reason."""
        path = self.folder / "out.csv"
        self.assertEqual(self.succeeds("validate", MEASURED, MEASURED, "-q", "--csv", path), "")
        rows = list(csv.DictReader(path.open()))
        self.assertEqual([row["id"] for row in rows], ["S1", "S2", "S3", "S4"] * 2)
        for row in rows:
            if row["id"] == "S4":
                self.assertEqual(row["predicted"] + row["low"] + row["high"] + row["error"], "")
                self.assertIn("not predicted yet", row["reason"])
                continue
            low, predicted, high = (float(row[name]) for name in ("low", "predicted", "high"))
            self.assertTrue(low <= predicted <= high)
            self.assertAlmostEqual(float(row["error"]), predicted / float(row["measured"]) - 1, places=6)
            self.assertEqual(row["reason"], "")

    def test_ranks_do_not_matter(self):
        """CSV, tables and HDF5 but for the provenance are the same on one and on three ranks."""
        said = []
        for ranks in (1, 3):
            h5, table = self.folder / f"{ranks}.h5", self.folder / f"{ranks}.csv"
            said.append(self.succeeds("validate", MEASURED, "-o", h5, "--csv", table, ranks=ranks))
        self.assertEqual(*said)
        self.assertEqual(*[(self.folder / f"{ranks}.csv").read_text() for ranks in (1, 3)])
        files = [self.folder / f"{ranks}.h5" for ranks in (1, 3)]
        subprocess.run(["h5diff", "--exclude-path", "/provenance", *files], check=True)


class BadTables(KerfTest):
    def test_tables(self):
        """The line and what is wrong there, on every rank, and no file is left."""
        head = "id,network,hardware,metric,value\n"
        for text, says in [
            ("", r"t\.csv:1: the file is empty"),
            (head, r"t\.csv:1: no rows below the header"),
            ("id,network,hardware,value\na,b,c,1\n", r"t\.csv:1: column 'metric' is missing for a table of serving"),
            (head + "a,b,c,tpot_s,-1\n", r"t\.csv:2: value must be above 0, is -1"),
            (head + "a,b,c,tpot_s,1\n\na,b,c,tpot_s,many\n", r"t\.csv:4: value: 'many' is not a number"),
            (head + "a,b,c\n", r"t\.csv:2: the row has not the 5 fields of the header"),
        ]:
            path = self.write("t.csv", text)
            self.refuses(2, says, "validate", path, "-o", self.folder / "v.h5", ranks=(1, 2))

    def test_files(self):
        """A table that is not there, and places that cannot be written."""
        self.refuses(1, r"none\.csv: No such file", "validate", MEASURED, self.folder / "none.csv", ranks=(1,))
        nowhere = self.folder / "none" / "v.h5"
        self.refuses(1, r"output .*none/v\.h5", "validate", MEASURED, "-o", nowhere, ranks=(1,))
        self.refuses(1, r"output .*none/v\.csv: cannot be written", "validate", MEASURED, "-q", "--csv",
                     nowhere.with_suffix(".csv"), ranks=(1, 2))


if __name__ == "__main__":
    kerf_command.main()
