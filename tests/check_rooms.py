#!/usr/bin/python3
"""The rooms of the house know only whom they may know, and keep no state and end no process behind one's back.

    tests/check_rooms.py [--root FOLDER] [LIBRARY.a]

Reads the sources under sim/ and models/ and prints FILE:LINE for every
  - #include of a room that the including room must not know (MAY_KNOW), or of a library that is not its business;
  - exit() or abort() outside sim/cli.
Given the static library it also finds variables that can change and outlive a call: globals, and locals that are
static. A constant table is none, also when it holds pointers: the linker makes it read-only (.data.rel.ro).
Exits with 1 if there is anything to complain about.
"""

import argparse
import pathlib
import re
import subprocess
import sys

# room: what it may include besides itself, a room or a single header of one.
MODELS = ["models/network", "models/device", "models/thermal", "models/fabric", "models/training", "models/node",
          "models/workload"]
MAY_KNOW = {
    "sim/base": [],
    "sim/engine": ["sim/base"],
    "sim/partition": ["sim/base"],
    "models/network": ["sim/base"],
    "models/device": ["sim/base", "models/network"],
    "models/thermal": ["sim/base", "models/device/leaf.h"],
    "models/fabric": ["sim/base", "models/device/leaf.h", "models/device/gpu.h", "sim/engine"],
    "models/training": ["sim/base", "models/network", "models/device", "models/fabric", "sim/engine/time.h"],
    "models/node": ["sim/base", "models/network", "models/device", "models/fabric", "models/training", "sim/engine"],
    "models/workload": ["sim/base", "models/network", "models/device", "models/fabric", "models/node", "sim/engine"],
    "sim/io": ["sim/base", "sim/engine", *MODELS],
    "sim/study": ["sim/base", "sim/engine", "sim/partition", "sim/io", *MODELS],
    "sim/cli": ["sim/base", "sim/engine/agree.h", "sim/engine/engine.h", "sim/io", "sim/study"],
}
# Headers that CMake makes, and the room they belong to.
GENERATED = {"build_info.h": "sim/cli"}
# <header> prefix: the rooms whose business the library is.
LIBRARIES = {
    "hdf5": ["sim/io", "sim/study", "sim/cli"],
    "libfyaml": ["sim/io"],
    "petsc": ["models/thermal", "sim/partition", "sim/study", "sim/cli"],
    "scotch": ["sim/partition"],
    "mpi": ["models/thermal", "sim/engine", "sim/partition", "sim/io", "sim/study", "sim/cli"],
}
MAY_EXIT = ["sim/cli"]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.MULTILINE)
EXIT = re.compile(r"(?<![\w.>])(_exit|_Exit|exit|quick_exit|abort)\s*\(")
# Comments and the insides of strings and characters: neither has code.
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def blank(match):
    """The same text with only its line ends left, so that line numbers stay right."""
    return re.sub(r"[^\n]", " ", match.group())


def without_comments(text):
    return NOT_CODE.sub(lambda match: match.group() if match.group()[0] in "\"'" else blank(match), text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def room_of(path):
    """The room that a path (with slashes, from the root) lies in, or None."""
    return next((room for room in MAY_KNOW if path.startswith(room + "/")), None)


def included_path(root, including, name):
    """The path from the root that #include "name" finds: beside the including file first, as the compiler does."""
    beside = (including.parent / name).resolve()
    if beside.is_file() and beside.is_relative_to(root):
        return beside.relative_to(root).as_posix()
    if name in GENERATED:
        return f"{GENERATED[name]}/{name}"
    return name


def include_problem(root, source, room, quote, name):
    """What is wrong with one #include, or None."""
    if quote == "<":
        for library, rooms in LIBRARIES.items():
            if name.startswith(library) and room not in rooms:
                return f"{room} must not know <{name}>; only {', '.join(rooms)} may"
        return None
    path = included_path(root, source, name)
    target = room_of(path)
    if target is None:
        return f'"{name}" lies in no room'
    if target == room or target in MAY_KNOW[room] or path in MAY_KNOW[room]:
        return None
    return f"{room} must not know {path}; it may know {', '.join(MAY_KNOW[room]) or 'nobody'}"


def check_source(root, source):
    """Yields (line, problem) for one file."""
    path = source.relative_to(root).as_posix()
    room = room_of(path)
    if room is None:
        yield 1, "lies in no room: give it one, or add the room to MAY_KNOW in tests/check_rooms.py"
        return
    text = without_comments(source.read_text(encoding="utf-8"))
    for match in INCLUDE.finditer(text):
        problem = include_problem(root, source, room, *match.groups())
        if problem:
            yield line_of(text, match.start(1)), problem
    if room not in MAY_EXIT:
        code = NOT_CODE.sub(blank, text)
        for match in EXIT.finditer(code):
            yield line_of(code, match.start()), f"{match.group(1)}() in {room}: return an error, the command ends the run"


def find_definition(root, object_name, symbol):
    """FILE:LINE where a source of that object file first names the symbol, or the object's name."""
    name = symbol.split(".")[0]  # gcc calls a static local NAME.NUMBER
    for source in sorted([*root.glob("sim/*/*.c"), *root.glob("models/*/*.c")]):
        if f"{source.name}.o" != object_name:
            continue
        code = NOT_CODE.sub(blank, source.read_text(encoding="utf-8"))
        match = re.search(rf"\b{re.escape(name)}\b", code)
        if match:
            return f"{source.relative_to(root).as_posix()}:{line_of(code, match.start())}"
    return object_name


def check_library(root, library):
    """Yields (place, problem) for every variable in the library that can be written to."""
    # The system's nm format names the section, which tells a constant table with pointers from a variable.
    listing = subprocess.run(
        ["nm", "--print-file-name", "--format=sysv", "--defined-only", str(library)],
        check=True, capture_output=True, text=True,
    ).stdout
    for line in listing.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != 7:
            continue
        place, symbol, section = fields[0], fields[0].split(":")[-1], fields[6]
        writable = section.startswith((".data", ".bss", ".tdata", ".tbss", "*COM*", ".sdata", ".sbss"))
        # Names with two underscores are the compiler's own (sanitizers, coverage).
        if not writable or section.startswith(".data.rel.ro") or symbol.startswith(("__", ".")):
            continue
        object_name = place.split(":")[-2]
        yield find_definition(root, object_name, symbol), f"variable '{symbol}' outlives a call: keep it in a context, or make it const"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("library", nargs="?", type=pathlib.Path, help="libkerf_core.a, to look for variables")
    arguments = parser.parse_args()
    root = arguments.root.resolve()

    sources = sorted(path for top in ("sim", "models") for path in (root / top).rglob("*.[ch]"))
    if not sources:
        sys.exit(f"check_rooms: no C files below {root}")
    problems = [
        f"{source.relative_to(root).as_posix()}:{line}: {problem}"
        for source in sources
        for line, problem in check_source(root, source)
    ]
    if arguments.library:
        problems += [f"{place}: {problem}" for place, problem in check_library(root, arguments.library)]
    for problem in problems:
        print(problem)
    print(f"check_rooms: {len(sources)} files, {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
