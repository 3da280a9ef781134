"""``python -m tests.golden write|check [CASE ...]``: write the stored files, or compare them with what happens now."""

import argparse
import sys
import time

from .cases import CASES
from .comparison import differences
from .run import produce, store, stored

_MOST = 60  # lines of a case: a fit that went elsewhere differs everywhere


def _show(lines: list[str]) -> None:
    """Print the first lines of what differs, and how many more there are."""
    print("".join(f"  {line}\n" for line in lines[:_MOST]), end="")
    if len(lines) > _MOST:
        print(f"  and {len(lines) - _MOST} more")


def _write(name: str) -> bool:
    before, now = stored(name), produce(CASES[name])
    store(name, now)
    if before is not None:
        _show(differences(before, now))
    return True


def _check(name: str) -> bool:
    before = stored(name)
    if before is None:
        print("  no stored file: python -m tests.golden write " + name)
        return False
    lines = differences(before, produce(CASES[name]))
    _show(lines)
    return not lines


def main() -> int:
    """Run the cases that are named, or all; the exit status is 1 where one differs from its stored file."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("action", choices=("write", "check", "list"))
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names of cases (default: all)")
    options = parser.parse_args()
    names = options.cases or list(CASES)
    if unknown := [n for n in names if n not in CASES]:
        parser.error(f"no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    if options.action == "list":
        print("\n".join(names))
        return 0
    action = _write if options.action == "write" else _check
    failed = []
    for name in names:
        begin = time.monotonic()
        print(name, flush=True)
        if not action(name):
            failed.append(name)
        print(f"  {time.monotonic() - begin:.0f} s", flush=True)
    if failed:
        print(f"{len(failed)} of {len(names)} cases differ: {' '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
