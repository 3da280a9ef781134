"""Loops in the equations of a lane: functions of single numbers, one for each result that is used."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np

from ...core.jaxprs import mapped, scan_parts
from .translation import (
    LANE,
    STEP,
    Atom,
    Name,
    Operation,
    Translation,
    UntranslatableError,
    c_type,
    line_of,
    text_of,
    translate,
)


def translate_loop(
    t: Translation, primitive: str, params: Mapping[str, Any], inputs: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Results of a loop, each a call of a function that carries what it needs from turn to turn.

    Parameters
    ----------
    t : Translation
        Where the calls become operations, and the functions texts.
    primitive, params
        "while", or "scan" for a loop of a known number of turns; parameters of the equation.
    inputs : sequence of arrays of atoms
        Operands of the equation.
    """
    loop = _Loop(t, primitive, params, inputs)
    return loop.as_arrays([loop.result(k) for k in range(len(loop.start))])


class _Loop:
    """A loop: what it starts from, its condition and its body, translated for numbers of their own names."""

    def __init__(self, t: Translation, primitive: str, params: Mapping[str, Any], inputs: Sequence):
        self.outer, self.turns = t, None
        if primitive == "scan":
            (fixed, carried), self.turns = scan_parts(params), params["length"]
            if not len(inputs) - fixed == carried == len(params["jaxpr"].out_avals):
                raise UntranslatableError("a loop over the rows of an array")
            body, condition, split = params["jaxpr"], None, fixed
            before: Sequence = ()
        else:
            split = params["cond_nconsts"] + params["body_nconsts"]
            body, condition = params["body_jaxpr"], params["cond_jaxpr"]
            before = inputs[: params["cond_nconsts"]]
        start = inputs[split:]
        self.shapes = [x.shape for x in start]
        self.start: list[Atom] = [x for array in start for x in array.reshape(-1)]
        self.arguments: dict[Name, Name] = {}
        held = [mapped(self._inside, x) for x in inputs[len(before) : split]]
        both = STEP | LANE
        self.carry = [Name(x.kind, f"c{k}", both) for k, x in enumerate(self.start)]
        arrays = self.as_arrays(self.carry)
        inner = partial(Translation, t.real, t.translate_loop, t.loops, counts=True)
        self.body = inner()
        self.next = [x for a in translate(self.body, body, [*held, *arrays]) for x in a.reshape(-1)]
        self.condition, self.goes_on = inner(), None
        if condition is not None:
            first = [mapped(self._inside, x) for x in before]
            self.goes_on = translate(self.condition, condition, [*first, *arrays])[0].item()

    def _inside(self, x: Atom) -> Atom:
        """A number from outside by the name of the function's argument; one that is known stays."""
        if not isinstance(x, Name):
            return x
        return self.arguments.setdefault(x, Name(x.kind, f"a{len(self.arguments)}", STEP | LANE))

    def as_arrays(self, numbers: Sequence[Atom]) -> list[np.ndarray]:
        """Numbers of all that is carried in arrays of the shapes that the loop has."""
        places = np.split(np.arange(len(numbers)), np.cumsum([*map(math.prod, self.shapes)]))
        arrays = [x.reshape(shape) for x, shape in zip(places, self.shapes, strict=False)]
        return [mapped(lambda k: numbers[k], x) for x in arrays]

    def result(self, k: int) -> Atom:
        """The number carried at place `k` when the loop ends."""
        if self.next[k] == self.carry[k]:  # it stays as it was
            return self.start[k]
        needed = self._needed(k)
        begin = {j: self._inside(self.start[j]) for j in needed}
        used = {x for j in needed for x in _operands(self.body.used([self.next[j]]), self.next[j])}
        if self.goes_on is not None:
            used |= _operands(self.condition.used([self.goes_on]), self.goes_on)
        used |= {x for x in begin.values() if isinstance(x, Name)}
        arguments = {x: inner for x, inner in self.arguments.items() if inner in used}
        # One loop is traced several times, for values and for derivatives: named by its content it is taken once.
        names = {x.text: f"a{n}" for n, x in enumerate(arguments.values())}
        text = self._text(k, needed, begin, list(arguments.values()))
        text = re.sub(r"\ba\d+\b", lambda match: names[match[0]], text)
        name = f"loop_{sha256(text.encode()).hexdigest()[:12]}"
        self.outer.loops[name] = text.replace("loop_(", f"{name}(", 1)
        places = ", ".join(["{}"] * len(arguments))
        return self.outer.add(self.start[k].kind, f"{name}({places})", *arguments)

    def _needed(self, k: int) -> list[int]:
        """Places of what has to be carried for the number at `k`, and for the condition."""
        place = {x: j for j, x in enumerate(self.carry)}
        places = {k}
        if self.goes_on is not None:
            names = _operands(self.condition.used([self.goes_on]), self.goes_on)
            places |= {place[x] for x in names if x in place}
        todo = list(places)
        while todo:
            end = self.next[todo.pop()]
            more = {place[x] for x in _operands(self.body.used([end]), end) if x in place} - places
            places |= more
            todo += more
        return sorted(places)

    def _text(
        self, k: int, needed: list[int], begin: dict[int, Atom], arguments: list[Name]
    ) -> str:
        """The function in C, as yet without a name."""
        types = ", ".join(f"{c_type(x.kind)} {x.text}" for x in arguments)
        ends = [self.next[j] for j in needed]
        starts = [f"{_declared(self.carry[j])} = {text_of(begin[j])};" for j in needed]
        turn = [*map(line_of, self.body.used(ends))]
        # All of the next turn before any: one of them may be what another one was.
        turn += [
            f"const {_declared(self.carry[j], 'n')} = {text_of(self.next[j])};" for j in needed
        ]
        turn += [f"{self.carry[j].text} = n{self.carry[j].text};" for j in needed]
        if self.goes_on is None:
            head = f"for (int turn = 0; turn < {self.turns}; turn++) {{"
            check: list[str] = []
        else:
            head = "for (;;) {"
            check = ["{", *map(line_of, self.condition.used([self.goes_on]))]
            check += [f"if (!({text_of(self.goes_on)})) break;", "}"]
        lines = [*starts, head, *check, *turn, "}", f"return {self.carry[k].text};"]
        body = "\n".join("    " + x for x in lines)
        return f"static {c_type(self.carry[k].kind)} loop_({types or 'void'}) {{\n{body}\n}}\n"


def _declared(x: Name, prefix: str = "") -> str:
    return f"{c_type(x.kind)} {prefix}{x.text}"


def _operands(operations: Iterable[Operation], result: Atom) -> set[Atom]:
    """All that some operations take, and what they end in."""
    return {result, *(x for o in operations for x in o.operands)}
