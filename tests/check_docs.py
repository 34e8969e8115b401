#!/usr/bin/python3
"""The documentation says what is true: its commands run, its output is the output, its paths and names exist.

    tests/check_docs.py [--kerf PROGRAM] [--update] [DOCUMENT ...]

Documents are README.md and docs/*.md, or those named. Fenced blocks by their info string:
  sh test       run with bash in a copy of the source tree made of links, where build/bin/kerf is PROGRAM (default: that of
                the checkout); a status other than 0 is a failure. Blocks of one document run in order and see each
                other's files
  text output   what the `sh test` block before it prints; a last line `...` stands for the rest. --update rewrites it
  yaml FILE     a file that later `sh test` blocks of the document use
Also checked: relative links; `paths/of/files`, where capital letters and * stand for anything; `kerf_names` and
`functions()` of the sources; the rooms of docs/architecture.md against check_rooms.py; the keys and defaults of
docs/scenarios.md against `kerf check`; the sections, keys and columns of docs/catalog-format.md against the catalog and
its reader; the commands of README.md against `kerf --help`; docs/commands.md against `kerf reference`. Exits with 1 if there is anything to complain about.
"""

import argparse
import dataclasses
import difflib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import check_rooms

ROOT = pathlib.Path(__file__).resolve().parent.parent
SECONDS_PER_BLOCK = 600
KERF = "build/bin/kerf"
NOT_COPIED = re.compile(r"\.git$|build|results$|.*\.h5")  # matched from the start of a name

FENCE = re.compile(r"^( *)(```+)([^`\n]*)\n(.*?)^\1\2[ ]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
NAME = re.compile(r"(?:kerf|KERF)_\w+")
FUNCTION = re.compile(r"(\w+)\(\)")
DIGEST = re.compile(r"\bdigest [0-9a-f]{16}")  # may differ between mathematical libraries

# The smallest scenario, and the keys that it gives or that `kerf check` fills in from it: all others have defaults.
SMALLEST = "network: kimi-k2.6\nsystems:\n  a: {hardware: cs-3, count: 20}\n"
SMALLEST_OF_IMAGES = "network: resnet50\nimages: {}\nsystems:\n  a: {hardware: cs-3, count: 1}\n"
SMALLEST_OF_POOLS = "network: kimi-k2.6\nsystems:\n  a: {hardware: cs-3, count: 20, pools: {prefill: {}, decode: {}}}\n"
WITHOUT_DEFAULT = ["network", "hardware", "count", "title", "baseline", "metrics", "images"]


@dataclasses.dataclass
class Block:
    info: str
    text: str
    line: int
    span: tuple  # of the text in the document


class Document:
    def __init__(self, path):
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.blocks = [
            Block(m.group(3).strip(), m.group(4), line_of(self.text, m.start()), m.span(4))
            for m in FENCE.finditer(self.text)
        ]
        self.prose = FENCE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), self.text)

    def inline_code(self):
        """(line, text) of everything in single backticks."""
        return [(line_of(self.prose, m.start()), m.group(1)) for m in CODE.finditer(self.prose)]

    def rows(self):
        """Rows of its tables, as lists of cells."""
        lines = [line for line in self.prose.splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def read_all(pattern):
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob(pattern)))


def check_links(document):
    for match in LINK.finditer(document.prose):
        target = match.group(1).split("#")[0]
        if target and "://" not in target and not (document.path.parent / target).exists():
            yield f"{document.name}:{line_of(document.prose, match.start())}: the link {target} leads nowhere"


def is_path(text):
    """Whether it names a file or folder of the source tree; results and build folders come and go."""
    first, slash, _ = text.partition("/")
    return bool(re.fullmatch(r"\w[\w.*/+-]*", text) and slash and (ROOT / first).exists() and not NOT_COPIED.match(text))


def check_paths(document):
    for line, text in document.inline_code():
        pattern = re.sub(r"\b[A-Z]+\b|(?<=_)[A-Z]+(?=\.)", "*", text).rstrip("/")
        if is_path(text) and not any(ROOT.glob(pattern)):
            yield f"{document.name}:{line}: there is no {text}"


def check_names(document, sources):
    for line, text in document.inline_code():
        for name in {*NAME.findall(text), *FUNCTION.findall(text)}:
            if not re.search(rf"\b{name}\b", sources):
                yield f"{document.name}:{line}: no source has the name {name}"


def check_rooms_table(document):
    stated = {}
    for cells in document.rows():
        room = cells[0].strip("`")
        if room in check_rooms.MAY_KNOW:
            stated[room] = [word for word in CODE.findall(cells[2])]
    for room, allowed in check_rooms.MAY_KNOW.items():
        if room not in stated:
            yield f"{document.name}: the room {room} is missing"
        elif sorted(stated[room]) != sorted(allowed):
            rule, table = (", ".join(names) or "nobody" for names in (allowed, stated[room]))
            yield f"{document.name}: {room} may know {rule}; the table says {table}"


def check_scenario_keys(document, kerf, folder, smallest):
    scenario = folder / "smallest.yaml"
    scenario.write_text(smallest)
    printed = subprocess.run([kerf, "check", scenario], capture_output=True, text=True, check=True).stdout
    rows = {key: " | ".join(cells) for cells in document.rows() for key in CODE.findall(cells[0])}
    for key, value in re.findall(r"^ *(\w+):(?: (.*?))?(?:  # .*)?$", printed, re.MULTILINE):
        if key in ("a", "prefill", "decode"):
            continue
        if key not in rows:
            yield f"{document.name}: the key {key} is missing"
        elif value and key not in WITHOUT_DEFAULT and f"`{value}`" not in rows[key]:
            yield f"{document.name}: the default of {key} is {value}; its row says otherwise"


def check_catalog_words(document):
    words = {word for _, text in document.inline_code() for word in re.findall(r"\w+", text)}
    sections = [path.name for path in (ROOT / "models/catalog").iterdir() if path.is_dir()]
    columns = (ROOT / "models/catalog/measurements/serving.csv").read_text(encoding="utf-8").split("\n")[0].split(",")
    reader = (ROOT / "sim/io/catalog_network.c").read_text(encoding="utf-8")
    keys = re.findall(r'\((?:REQUIRED|OPTIONAL), "(\w+)"|\{"(\w+)", FIELD_', reader)
    for kind, names in (
        ("section", sections),
        ("column", columns),
        ("key of networks", [name for pair in keys for name in pair if name]),
    ):
        for name in dict.fromkeys(names):
            if name not in words:
                yield f"{document.name}: the {kind} {name} is missing"


def check_commands(document, kerf):
    printed = subprocess.run([kerf, "--help"], capture_output=True, text=True, check=True).stdout
    cells = " ".join(cell for row in document.rows() for cell in row)
    for command in re.findall(r"^  kerf (\w+)", printed, re.MULTILINE):
        if f"kerf {command}" not in cells:
            yield f"{document.name}: the command kerf {command} is missing"


def check_reference(document, kerf, update):
    """docs/commands.md is what the program says of itself."""
    printed = subprocess.run([kerf, "reference", "markdown"], capture_output=True, text=True, check=True).stdout
    if document.path.read_text(encoding="utf-8") == printed:
        return
    if update:
        document.path.write_text(printed, encoding="utf-8")
        print(f"{document.name}: rewritten")
    else:
        yield f"{document.name}: is not what `kerf reference markdown` prints; tests/check_docs.py --update rewrites it"


def link_tree(folder, kerf):
    """A copy of the source tree made of links, so that what the blocks write lands elsewhere."""
    for path in ROOT.iterdir():
        if not NOT_COPIED.match(path.name):
            (folder / path.name).symlink_to(path)
    (folder / KERF).parent.mkdir(parents=True)
    (folder / KERF).symlink_to(kerf)
    (folder / "build/path").mkdir()
    (folder / "build/path/python3").symlink_to(sys.executable)


def environment(folder):
    """What Open MPI needs as root and on a small machine, and this very Python under the name python3."""
    given = dict(os.environ)
    if os.geteuid() == 0:
        given.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    given.setdefault("OMPI_MCA_rmaps_base_oversubscribe", "1")
    given.setdefault("OMPI_MCA_hwloc_base_binding_policy", "none")
    given.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")
    given.pop("VIRTUAL_ENV", None)
    given.update(PATH=f"{folder}/build/path:{given['PATH']}", PYTHONNOUSERSITE="1")
    given["MPLCONFIGDIR"] = f"{folder}/build/matplotlib"
    return given


def run_block(text, folder):
    """Status and output of one block; the status is None when it took too long."""
    command = ["bash", "-euo", "pipefail", "-c", text]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        command, cwd=folder, env=environment(folder), text=True, start_new_session=True, **streams
    ) as process:
        try:
            output, errors = process.communicate(timeout=SECONDS_PER_BLOCK)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, "", ""
        return process.returncode, output, errors


def comparable(text):
    return [DIGEST.sub("digest", line.rstrip()) for line in text.rstrip().splitlines()]


def as_stated(stated, printed):
    """What is printed, cut where the document cuts it."""
    lines = [line.rstrip() for line in printed.rstrip().splitlines()]
    if stated.rstrip().endswith("\n..."):
        lines = lines[: len(stated.rstrip().splitlines()) - 1] + ["..."]
    return "\n".join(lines) + "\n"


def differences(stated, printed):
    """Lines that differ, as `diff` shows them."""
    changes = difflib.unified_diff(comparable(stated), comparable(as_stated(stated, printed)), lineterm="", n=0)
    return [line for line in changes if not line.startswith(("---", "+++", "@@"))]


def run_document(document, kerf, update):
    replaced = []
    with tempfile.TemporaryDirectory(prefix="kerf-docs-") as name:
        folder, output = pathlib.Path(name), None
        link_tree(folder, kerf)
        for block in document.blocks:
            place, words = f"{document.name}:{block.line}", block.info.split()
            if words[:1] == ["yaml"] and len(words) == 2:
                (folder / words[1]).write_text(block.text)
            elif words == ["sh", "test"]:
                status, output, errors = run_block(block.text, folder)
                if status != 0:
                    ending = f"took more than {SECONDS_PER_BLOCK} s" if status is None else f"ended with status {status}"
                    yield f"{place}: the block {ending}: {errors.strip()[-600:]}"
            elif words == ["text", "output"] and output is None:
                yield f"{place}: no `sh test` block stands before this output"
            elif words == ["text", "output"]:
                changes = differences(block.text, output)
                if changes and update:
                    replaced.append((block.span, as_stated(block.text, output)))
                elif changes:
                    yield "\n".join([f"{place}: the output is another; tests/check_docs.py --update rewrites it", *changes])
    write(document, replaced)


def write(document, replaced):
    text = document.text
    for (start, end), new in reversed(replaced):
        text = text[:start] + new + text[end:]
    if text != document.text:
        document.path.write_text(text, encoding="utf-8")
        print(f"{document.name}: {len(replaced)} outputs rewritten")


def check(document, kerf, sources, update):
    yield from check_links(document)
    yield from check_paths(document)
    yield from check_names(document, sources)
    if document.name == "docs/architecture.md":
        yield from check_rooms_table(document)
    if document.name == "docs/catalog-format.md":
        yield from check_catalog_words(document)
    if document.name == "README.md":
        yield from check_commands(document, kerf)
    if document.name == "docs/commands.md":
        yield from check_reference(document, kerf, update)
    if document.name == "docs/scenarios.md":
        with tempfile.TemporaryDirectory(prefix="kerf-docs-") as folder:
            yield from check_scenario_keys(document, kerf, pathlib.Path(folder), SMALLEST)
            yield from check_scenario_keys(document, kerf, pathlib.Path(folder), SMALLEST_OF_IMAGES)
            yield from check_scenario_keys(document, kerf, pathlib.Path(folder), SMALLEST_OF_POOLS)
    yield from run_document(document, kerf, update)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kerf", type=pathlib.Path, default=ROOT / KERF, metavar="PROGRAM")
    parser.add_argument("--update", action="store_true", help="rewrite `text output` blocks with what is printed")
    parser.add_argument("documents", nargs="*", type=pathlib.Path, metavar="DOCUMENT")
    options = parser.parse_args()
    os.environ.update({key: value for key, value in environment(ROOT).items() if key.startswith("OMPI_")})
    paths = options.documents or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    sources = read_all("sim/*/*.[ch]") + read_all("models/*/*.[ch]") + read_all("analysis/*/__init__.py")
    problems = 0
    for path in paths:
        for problem in check(Document(path.resolve()), options.kerf.resolve(), sources, options.update):
            print(problem)
            problems += 1
    print(f"{len(paths)} documents, {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
