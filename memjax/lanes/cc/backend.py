"""The backend whose functions are kernels in C."""

from dataclasses import dataclass
from typing import ClassVar

from ..backend import LaneFunction, Unavailable
from ..drivers import Driver
from ..program import StepProgram
from .library import build, register
from .source import source_of


@dataclass(frozen=True)
class Cc:
    """See `memjax.lanes.backend.Backend`: where a compiler of C is at hand, on a CPU."""

    name: ClassVar[str] = "cc"

    def compile(self, program: StepProgram, driver: Driver) -> LaneFunction | Unavailable:
        """See `memjax.lanes.backend.Backend`."""

        def make(compiler: str, version: str) -> LaneFunction:
            source = source_of(program, driver)
            target = register(source.text, compiler, source.real)
            return LaneFunction(target, driver, source.constants, f"cc ({version})")

        return build(make)
