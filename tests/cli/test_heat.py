#!/usr/bin/python3
"""kerf heat: one answer for any number of ranks, hotter coolant gives hotter dice, maps that hang together, and clear words
about what cannot be."""

import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import h5py
import kerf_command
import numpy as np
from kerf_command import SOURCE, KerfTest, environment

SCENARIO = (SOURCE / "tests" / "support" / "heat.yaml").read_text()
ROW = re.compile(r"^(\w+) +(?:wafer|GPU) \d+ +([\d.]+) (k?W) +([\d.]+) W +([\d.]+) / ([\d.]+) C", re.MULTILINE)


class Heat(KerfTest):
    def scenario(self, *changes):
        text = SCENARIO
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new, 1)
        return self.write("h.yaml", text)

    def temperatures(self, *arguments):
        text = self.succeeds("heat", self.scenario(), "--cells", "24", *arguments)
        return {row[0]: [float(row[3]), float(row[4]), float(row[5])] for row in ROW.findall(text)}

    def catalog_with(self, entry, old, new):
        """The environment of a catalog in which one entry reads otherwise."""
        catalog = self.folder / "catalog"
        shutil.copytree(SOURCE / "models" / "catalog", catalog, dirs_exist_ok=True)
        text, count = re.subn(old, new, (catalog / entry).read_text())
        self.assertEqual(count, 1)
        (catalog / entry).write_text(text)
        return environment(KERF_CATALOG=str(catalog))

    def test_ranks(self):
        """The same table on one, two and three ranks."""
        texts = {self.succeeds("heat", self.scenario(), "--cells", "24", ranks=ranks) for ranks in (1, 2, 3)}
        self.assertEqual(len(texts), 1)

    def test_hotter_coolant(self):
        """Ten kelvin more at the inlet are at least ten more in the silicon, and more leakage."""
        cold = self.temperatures()
        hot = self.temperatures("--set", "systems.wafer.thermal.coolant_inlet=304.15 K")
        self.assertEqual(list(cold), ["wafer", "gpu"])
        self.assertEqual(cold["gpu"], hot["gpu"])
        for before, after, least in zip(cold["wafer"], hot["wafer"], [1.0, 9.95, 9.95]):
            self.assertGreater(after - before, least)

    def test_maps(self):
        """The file has what the table says; energy is kept; power is where the stages are."""
        out = self.folder / "heat.h5"
        text = self.succeeds("heat", self.scenario(), "--cells", "24", "-o", out)
        figures = {row[0]: row for row in ROW.findall(text)}
        with h5py.File(out) as file:
            self.assertEqual(sorted(file["heat"]), ["gpu", "wafer"])
            for name, group in file["heat"].items():
                cell = np.prod([group[axis][1] - group[axis][0] for axis in "xy"])
                drawn = cell * (group["power"][()] + group["leakage"][()]).sum()
                self.assertAlmostEqual(drawn / group["total_power"][0], 1, places=9)
                self.assertAlmostEqual(group["coolant_gain"][0] / group["total_power"][0], 1, places=6)
                self.assertAlmostEqual(group["silicon_most"][0] - 273.15, float(figures[name][4]), delta=0.051)
            wafer = file["heat/wafer"]
            self.assertEqual(wafer["silicon"].dims[0][0].name, "/heat/wafer/y")
            self.assertAlmostEqual(wafer["silicon"][()].max(), wafer["silicon_most"][0])
            self.assertTrue((wafer["silicon"][:, -1] > wafer["silicon"][:, 0]).all())
            drop = 0.8 - wafer["voltage"][()].min()
            self.assertAlmostEqual(drop, wafer["voltage_drop_most"][0], places=9)
            area = (wafer["stage_width"][()] * wafer["stage_height"][()]).sum() / 0.215**2
            self.assertTrue(0.9 < area < 0.96)

    def test_one_system(self):
        self.assertEqual(list(self.temperatures("--system", "gpu")), ["gpu"])

    def clock(self, *arguments, ranks=1):
        """Digest, output speed of all GPUs' users and the share of the clock that the GPU is left with."""
        follows = ["--set", "systems.gpu.thermal.clock=follows", "--set", "columns=nominal"]
        text = self.succeeds("run", self.scenario(), *follows, *arguments, ranks=ranks)
        share = float(re.search(r"^gpu: clock at ([\d.]+) %", text, re.MULTILINE)[1])
        speed = float(re.search(r"^gpu +\S+ m?s +\S+ m?s +([\d.]+)", text, re.MULTILINE)[1])
        return text, re.search(r"digest (\w+)", text)[1], speed, share

    def test_clock_follows_heat(self):
        """Warmer coolant or a cap on power lowers the clock and the speed; cool silicon keeps both."""
        _, _, cool_speed, cool = self.clock("--set", "systems.gpu.thermal.coolant_inlet=290 K")
        _, _, hot_speed, hot = self.clock("--set", "systems.gpu.thermal.coolant_inlet=345 K")
        _, _, capped_speed, capped = self.clock("--set", "systems.gpu.thermal.power_cap=500 W")
        self.assertLess(hot, cool)
        self.assertLess(hot_speed, cool_speed)
        self.assertLess(capped, cool)
        self.assertLess(capped_speed, cool_speed)

    def test_clock_on_any_ranks(self):
        """Heat feeds back into the simulation, and every rank count has the same events and table."""
        runs = [self.clock("--set", "systems.gpu.thermal.coolant_inlet=345 K", ranks=ranks)[:2] for ranks in (1, 2, 3)]
        self.assertEqual(len(set(runs)), 1)

    def test_clock_is_off_by_default(self):
        """Without the key nothing moves: temperatures of the coolant do not change a run."""
        texts = {
            self.succeeds("run", self.scenario(), "--set", f"systems.gpu.thermal.coolant_inlet={inlet} K")
            for inlet in (290, 345)
        }
        self.assertEqual(len(texts), 1)

    def test_refusals(self):
        """Status 2, and words that say what is wrong and where."""
        for words, changes, arguments in [
            ("--system gpus: is not one of the systems of .*did you mean 'gpu'", [], ["--system", "gpus"]),
            ("--cells 1: a whole number", [], ["--cells", "1"]),
            ("--cells 1e9: a whole number", [], ["--cells", "1e9"]),
            ("too coarse for a die", [], ["--cells", "8"]),
            ("coolant_inlet: must be between 0 and 400 K", [], ["--set", "systems.gpu.thermal.coolant_inlet=-5 K"]),
            ("thermal.coolant_inlet: 30 K: a temperature of 200", [], ["--set", "systems.gpu.thermal.coolant_inlet=30 K"]),
            ("h.yaml:6: systems.gpu: how v100 is cooled: 'v100' is not in the catalog", [("gb200-nvl72", "v100")], []),
        ]:
            self.refuses(2, words, "heat", self.scenario(*changes), *arguments)

    def test_no_clock_is_low_enough(self):
        cap = ["--set", "systems.gpu.thermal.clock=follows", "--set", "systems.gpu.thermal.power_cap=50 W"]
        says = r"h.yaml:6: systems.gpu.thermal: even a quarter of the clock of gb200-nvl72"
        self.refuses(2, says, "run", self.scenario(), "--set", "columns=nominal", *cap)

    def test_bad_catalog(self):
        """A negative flow is refused with file and line; too weak a cooling is thermal runaway, not a number."""
        entry = "cooling/cs-3-cooling.yaml"
        with self.subTest("flow"):
            catalog = self.catalog_with(entry, r"coolant_m3_per_s: \{value: 6, low: 5", "coolant_m3_per_s: {value: -6, low: -7")
            self.refuses(2, r"cs-3-cooling.yaml:\d+: .*coolant_m3_per_s", "heat", self.scenario(), env=catalog)
        with self.subTest("runaway"):
            catalog = self.catalog_with(
                entry, r"film_K_m2_per_W: \{value: 25, low: 12, high: 50", "film_K_m2_per_W: {value: 400, low: 12, high: 500"
            )
            self.refuses(2, "systems.wafer: heat: thermal runaway", "heat", self.scenario(), "--cells", "24", env=catalog)


if __name__ == "__main__":
    kerf_command.main()
