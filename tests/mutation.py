"""Whether the tests of a room notice when its code changes: `python -m tests.mutation ROOM ...`, all rooms by default.

Of each room so many nodes are changed by chance, one at a time, in a copy of the checkout: a comparison, an operation,
a number, a condition. Its tests then run until the first that fails. What no test notices is listed, a mutation a line;
with `--against FOLDER`, another checkout, those that the tests there notice are said to be lost.

A room is a folder of a package, as ``memjax/data``, and its tests stand in the folder of that name.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

COMPARISONS = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
OPERATIONS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
}
OTHERS = {ast.And: ast.Or, ast.Or: ast.And}
SWAPS = COMPARISONS | OPERATIONS | OTHERS


@dataclass(frozen=True)
class Mutation:
    """A change of one node of a file, the number-th of those that can change."""

    path: str
    number: int


class _Changer(ast.NodeTransformer):
    """Counts the nodes that can change, and changes one."""

    def __init__(self, number: int | None = None):
        self.count, self.number, self.what = 0, number, ""

    def _is_it(self) -> bool:
        self.count += 1
        return self.count - 1 == self.number

    def _swap(self, node, name: str):
        old = getattr(node, name)
        new = SWAPS.get(type(old[0] if isinstance(old, list) else old))
        if new is not None and self._is_it():
            before = ast.unparse(node)
            setattr(node, name, [new(), *old[1:]] if isinstance(old, list) else new())
            self.what = f"line {node.lineno}: {before}  ->  {ast.unparse(node)}"
        return self.generic_visit(node)

    def visit_Compare(self, node):
        return self._swap(node, "ops")

    def visit_BinOp(self, node):
        return self._swap(node, "op")

    def visit_BoolOp(self, node):
        return self._swap(node, "op")

    def visit_Constant(self, node):
        if type(node.value) in (int, float) and self._is_it():
            new = node.value + 1 if isinstance(node.value, int) else 1.5 * node.value + 0.1
            self.what = f"line {node.lineno}: {node.value}  ->  {new}"
            return ast.copy_location(ast.Constant(new), node)
        return node

    def visit_If(self, node):
        if self._is_it():
            self.what = f"line {node.lineno}: if {ast.unparse(node.test)}  ->  if not"
            node.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
        return self.generic_visit(node)

    def visit_AnnAssign(self, node):  # an annotation is no code
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_arg(self, node):
        return node


def mutate(source: str, number: int) -> tuple[str, str]:
    """A text with one change, and what it is."""
    tree, changer = ast.parse(source), _Changer(number)
    return ast.unparse(ast.fix_missing_locations(changer.visit(tree))), changer.what


def rooms() -> list[str]:
    """Rooms that have tests."""
    folders = [p for package in ("memjax", "fitting") for p in sorted((ROOT / package).iterdir())]
    names = [str(p.relative_to(ROOT)) for p in folders if p.is_dir()]
    return [n for n in names if any((ROOT / tests_of(n)).glob("**/test_*.py"))]


def tests_of(room: str) -> str:
    """Folder of the tests of a room: those of memjax stand in tests, those of fitting in tests/fitting."""
    return f"tests/{room.removeprefix('memjax/')}"


def draw(room: str, count: int, seed: int) -> list[Mutation]:
    """So many changes of a room, each node as likely as any other."""
    places = []
    for file in sorted((ROOT / room).rglob("*.py")):
        changer = _Changer()
        changer.visit(ast.parse(file.read_text(encoding="utf-8")))
        places += [Mutation(str(file.relative_to(ROOT)), k) for k in range(changer.count)]
    chance = random.Random(f"{room} {seed}")
    return chance.sample(places, min(count, len(places)))


def run(checkout: Path, room: str, marks: str, seconds: float) -> str:
    """How the tests of a room end: "passed", "failed" or "late"."""
    if not (checkout / tests_of(room)).exists():
        return "passed"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-n0",
        "-p",
        "no:cacheprovider",
        "-m",
        marks,
        tests_of(room),
    ]
    options = dict(
        cwd=checkout, env=os.environ | {"PYTHONPATH": str(checkout)}, stdout=subprocess.PIPE
    )
    try:
        code = subprocess.run(
            command, timeout=seconds, stderr=subprocess.STDOUT, **options
        ).returncode
    except subprocess.TimeoutExpired:
        return "late"
    return "passed" if code in (0, 5) else "failed"


def main() -> int:
    """Change rooms; the number of changes that the tests of another checkout notice and those of this one do not."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "rooms", nargs="*", default=rooms(), help="folders as memjax/data; all that have tests"
    )
    parser.add_argument("--count", type=int, default=10, help="changes of each")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument(
        "--marks", default="unit or integration or parity", help="which tests are to notice"
    )
    parser.add_argument("--seconds", type=float, default=300.0, help="for the tests of one change")
    parser.add_argument("--against", type=Path, help="a checkout whose tests are the measure")
    parser.add_argument("--against-marks", default="not study", help="which of its tests")
    chosen = parser.parse_args()
    lost = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "main"
        keep = shutil.ignore_patterns(".git", ".venv", "__pycache__", "_build", "results*")
        shutil.copytree(ROOT, copy, ignore=keep)
        # Data of the laboratories stand beside a checkout.
        os.environ.setdefault("MEMJAX_DATA", str(ROOT.parent / "shared" / "data"))
        for room in chosen.rooms:
            noticed = 0
            for change in draw(room, chosen.count, chosen.seed):
                source = (ROOT / change.path).read_text(encoding="utf-8")
                text, what = mutate(source, change.number)
                (copy / change.path).write_text(text, encoding="utf-8")
                end = run(copy, room, chosen.marks, chosen.seconds)
                noticed += end == "failed"
                if end == "late":
                    print(
                        f"  not decided in {chosen.seconds:.0f} s: {change.path} {what}", flush=True
                    )
                if end == "passed":
                    word = "not noticed"
                    if (
                        chosen.against is not None
                        and run_there(chosen, room, change.path, text) != "passed"
                    ):
                        lost, word = lost + 1, "LOST"
                    print(f"  {word}: {change.path} {what}", flush=True)
                (copy / change.path).write_text(source, encoding="utf-8")
            print(f"{room}: {noticed} of {chosen.count} noticed", flush=True)
    print(f"{lost} lost" if chosen.against is not None else "")
    return lost


def run_there(chosen: argparse.Namespace, room: str, path: str, text: str) -> str:
    """How the tests of another checkout end with a change that those of this one do not notice."""
    file = chosen.against / path
    if not file.exists():
        return "passed"
    source = file.read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    try:
        return run(chosen.against, room, chosen.against_marks, 3 * chosen.seconds)
    finally:
        file.write_text(source, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
