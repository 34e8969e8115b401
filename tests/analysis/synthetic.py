"""Writes a small result file by docs/results.md, with made-up numbers that look like those of a comparison.

It shares no code with the writer (sim/io/result_write.c) and none with the reader (analysis/kerf_analysis).

    PYTHONPATH=analysis python3 tests/analysis/synthetic.py OUT.h5 [REQUESTS]

The tests know the numbers: in the column low every time is SLOWER times the nominal one, in the column high FASTER.
"""

import sys

import h5py
import numpy as np

SLOWER, FASTER = 1.5, 0.8
COLUMNS = {"low": SLOWER, "nominal": 1.0, "high": FASTER}
PARTS = ["compute", "memory", "fabric", "interconnect", "software", "waiting"]
BASELINE = "b200"
PROMPT_TOKENS, OUTPUT_TOKENS = 10000, 500

# key: title, hardware, accelerators, parts of the time per output token (ms), time to first token (s), published
# output speed (token/s)
SYSTEMS = {
    "cs3": ("20 x CS-3", "cs-3", 20, (0.85, 0.55, 0.80, 0.25, 0.12, 0.0), 0.62, np.nan),
    "cs3-spec": ("20 x CS-3, speculative", "cs-3", 20, (0.36, 0.22, 0.30, 0.10, 0.06, 0.0), 0.62, 981.0),
    "b200": ("HGX B200 (8)", "b200-hgx", 8, (0.55, 3.40, 0.0, 1.65, 0.95, 0.0), 0.41, 146.0),
    "b200-spec": ("HGX B200 (8), speculative", "b200-hgx", 8, (0.24, 1.20, 0.0, 0.60, 0.38, 0.0), 0.41, 414.0),
    "gb200": ("GB200 NVL72 (16)", "gb200-nvl72", 16, (0.40, 1.85, 0.0, 1.90, 0.90, 0.0), 0.30, np.nan),
    "gb200-spec": ("GB200 NVL72 (16), speculative", "gb200-nvl72", 16, (0.18, 0.66, 0.0, 0.68, 0.35, 0), 0.30, np.nan),
}
KEYS = list(SYSTEMS)
WAFERS, LAYERS = 20, 61
LAYER_BYTES, EDGE_BYTES, CACHE_BYTES = 8.8e9, 2.3e9, 0.5e9
CAPACITY_PER_WAFER = 37.4e9


def nominal_tpot(key):
    """Time per output token in seconds."""
    return sum(SYSTEMS[key][3]) * 1e-3


def text(values):
    """Fixed-length UTF-8, as parallel HDF5 takes it."""
    size = max([1, *(len(value.encode()) for value in values)])
    return np.array([value.encode() for value in values], dtype=h5py.string_dtype("utf-8", size))


def describe(item, **attributes):
    for name, value in attributes.items():
        item.attrs.create(name, text([value])[0], dtype=text([value]).dtype)


def add(group, name, values, scales, units, long_name):
    """One dataset with its attributes and the dimension scales of its axes."""
    values = text(values) if len(values) and isinstance(values[0], str) else np.asarray(values)
    dataset = group.create_dataset(name, data=values)
    for axis, scale in enumerate(scales):
        if scale == name:
            dataset.make_scale(name)
        else:
            dataset.dims[axis].attach_scale(group[scale])
    describe(dataset, units=units, long_name=long_name)


def add_summary(file, columns):
    group = file.create_group("summary")
    factor = np.array(list(columns.values()))
    tpot_part = np.array([system[3] for system in SYSTEMS.values()])[:, None, :] * factor[None, :, None] * 1e-3
    tpot = tpot_part.sum(axis=2)
    ttft = np.array([system[4] for system in SYSTEMS.values()])[:, None] * factor
    e2e = ttft + (OUTPUT_TOKENS - 1) * tpot
    accelerators = np.array([system[2] for system in SYSTEMS.values()])
    published = np.array([system[5] for system in SYSTEMS.values()])
    add(group, "system", KEYS, ["system"], "1", "system")
    add(group, "column", list(columns), ["column"], "1", "where the leaves stand")
    add(group, "part", PARTS, ["part"], "1", "part of the time")
    add(group, "title", [system[0] for system in SYSTEMS.values()], ["system"], "1", "title")
    add(group, "hardware", [system[1] for system in SYSTEMS.values()], ["system"], "1", "hardware")
    over = ["system", "column"]
    add(group, "ttft", ttft, over, "s", "time to first token, median over requests")
    add(group, "tpot", tpot, over, "s", "time per output token after the first, median")
    add(group, "output_speed_per_user", 1 / tpot, over, "token/s", "output speed for one user, median")
    add(group, "e2e", e2e, over, "s", "end-to-end time of a request, median")
    add(group, "throughput", OUTPUT_TOKENS / e2e, over, "token/s", "output tokens of all users")
    share = np.array([0.5, 0.2, 0.1, 0.1, 0.1, 0.0])
    add(group, "ttft_part", ttft[..., None] * share, [*over, "part"], "s", "where the time to first token went")
    add(group, "tpot_part", tpot_part, [*over, "part"], "s", "where the time per output token went")
    capacity = accelerators[:, None] * CAPACITY_PER_WAFER / factor
    add(group, "accelerators", accelerators[:, None] + 0 * factor, over, "1", "accelerators used")
    add(group, "memory_used", capacity * 0.8, over, "B", "memory used")
    add(group, "memory_capacity", capacity, over, "B", "memory that may be used")
    add(group, "published_output_speed_per_user", published, ["system"], "token/s", "published output speed")
    add(group, "published_e2e", np.where(published == 981.0, 5.6, np.nan), ["system"], "s", "published end-to-end time")


def add_rows(file, group, row, columns):
    """A table: columns is a list of (name, values, units); two-dimensional values lie over the parts of the time."""
    group = file.create_group(group)
    add(group, row, np.arange(len(columns[0][1])), [row], "1", row)
    add(group, "part", PARTS, ["part"], "1", "part of the time")
    for name, values, units in columns:
        add(group, name, values, [row, "part"][: np.ndim(values)], units, name)


def add_requests(file, columns, requests):
    """The first request takes what the summary says; later ones wait and vary, the same in every column."""
    random = np.random.default_rng(1)
    waits = np.concatenate([[0.0], random.gamma(2.0, 0.3, requests - 1)])
    varies = np.concatenate([[1.0], random.lognormal(0.0, 0.15, requests - 1)])
    arrivals = np.arange(requests) * 1.0
    table = []
    for system, (_, _, _, tpot_ms, ttft_s, _) in enumerate(SYSTEMS.values()):
        for column, factor in enumerate(columns.values()):
            for request in range(requests):
                decode_part = np.array(tpot_ms) * 1e-3 * (OUTPUT_TOKENS - 1) * factor * varies[request]
                first_part = np.array([ttft_s * factor, 0, 0, 0, 0, waits[request] * ttft_s * factor])
                first = arrivals[request] + first_part.sum()
                times = (arrivals[request], first, first + decode_part.sum())
                table.append((system, column, *times, first_part, decode_part))
    system, column, arrival, first, finish, first_part, decode_part = map(np.array, zip(*table))
    same = np.ones(len(table), dtype=np.int64)
    add_rows(
        file,
        "requests",
        "request",
        [
            ("system", system, "1"),
            ("column", column, "1"),
            ("replica", 0 * same, "1"),
            ("arrival", arrival, "s"),
            ("first_token", first, "s"),
            ("finish", finish, "s"),
            ("prompt_tokens", PROMPT_TOKENS * same, "token"),
            ("output_tokens", OUTPUT_TOKENS * same, "token"),
            ("rounds", (OUTPUT_TOKENS - 1) * same, "1"),
            ("first_part", first_part, "s"),
            ("decode_part", decode_part, "s"),
        ],
    )


def add_accelerators(file, columns):
    counts = [system[2] for system in SYSTEMS.values()]
    places = range(len(columns))
    rows = [(i, column, k) for i, count in enumerate(counts) for column in places for k in range(count)]
    system, column, index = np.array(rows).T
    names = ["replica", "events", "passes", "tokens", "tokens_sent_on"]
    cells = [("system", system, "1"), ("column", column, "1"), ("index", index, "1")]
    cells += [(name, 0 * index, "1") for name in names]
    cells += [(name, 1.0 * index, units) for name, units in (("busy", "s"), ("flops", "FLOP"), ("bytes", "B"))]
    add_rows(file, "accelerators", "accelerator", cells)


def add_placement(file):
    """The same for every system on wafers: an embedding, a dense layer, layers of experts, a head."""
    kind = np.array([0, 1] + [2] * (LAYERS - 1) + [3])
    stages = len(kind)
    wafer = np.arange(stages) * WAFERS // stages
    edge = (kind == 0) | (kind == 3)
    weights, caches = np.where(edge, EDGE_BYTES, LAYER_BYTES), np.where(edge, 0.0, CACHE_BYTES)
    held = np.array([(weights + caches)[wafer == one].sum() for one in wafer])
    side = np.floor(np.sqrt(750 * 1160 * 0.95 * (weights + caches) / held))
    on_wafers = [i for i, system in enumerate(SYSTEMS.values()) if system[1] == "cs-3"]
    columns = {"index": np.arange(stages), "kind": kind, "wafer": wafer, "pe_rows": side, "pe_columns": side}
    holdings = {"weight_bytes": weights, "kv_bytes": caches, "activation_bytes": 0 * caches}
    rows = [("system", np.repeat(on_wafers, stages), "1")]
    rows += [(name, np.tile(values, len(on_wafers)), "1") for name, values in columns.items()]
    rows += [(name, np.tile(values, len(on_wafers)), "B") for name, values in holdings.items()]
    add_rows(file, "placement", "stage", rows)


def add_leaves(file):
    system = np.arange(len(SYSTEMS))
    add_rows(
        file,
        "leaves",
        "leaf",
        [
            ("system", system, "1"),
            ("entry", [value[1] for value in SYSTEMS.values()], "1"),
            ("key", ["clock_Hz"] * len(SYSTEMS), "1"),
            ("unit", ["Hz"] * len(SYSTEMS), "1"),
            ("value_low_column", 0.9e9 + 0 * system, "1"),
            ("value_nominal", 1.0e9 + 0 * system, "1"),
            ("value_high_column", 1.1e9 + 0 * system, "1"),
            ("source", ["a datasheet, §1"] * len(SYSTEMS), "1"),
            ("confidence", ["high"] * len(SYSTEMS), "1"),
        ],
    )


def add_provenance(file):
    """Facts of the run are attributes; what has a unit is a dataset."""
    group = file.create_group("provenance")
    describe(group, host="node1", date="2026-05-20T12:00:00Z")
    group.attrs["ranks"] = 2
    add(group, "run", [0], ["run"], "1", "this run")
    add(group, "wall", [1.5], ["run"], "s", "wall time")


def write(path, requests=1, columns=COLUMNS):
    """A whole result with six systems that answer `requests` requests each; columns: name to factor of all times."""
    with h5py.File(path, "w") as file:
        describe(file, title="Kimi K2.6, one user", kerf_version="0.1.0", network="kimi-k2.6", baseline=BASELINE)
        describe(file, digest="0123456789abcdef")
        file.attrs["layout_version"], file.attrs["seed"] = 1, 42
        for name in ("scenario", "scenario_resolved"):
            file[name] = text(["title: Kimi K2.6, one user\n"])[0]
        add_summary(file, columns)
        add_requests(file, columns, requests)
        add_accelerators(file, columns)
        add_placement(file)
        add_leaves(file)
        add_provenance(file)
    return path


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
