"""A command of memjax in this process, and where its time went: one line of JSON on standard error at the end."""

import builtins
import json
import os
import sys
import time

_import, _began = builtins.__import__, time.process_time()
_spent = {"import_s": 0.0, "trace_s": 0.0, "lower_s": 0.0, "compile_s": 0.0, "programs": 0}
_depth = [0]
_EVENTS = {
    "/jax/core/compile/jaxpr_trace_duration": "trace_s",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "lower_s",
    "/jax/core/compile/backend_compile_duration": "compile_s",
}


def _timed_import(*arguments, **options):
    """The outermost imports, by processor time."""
    start = time.process_time()
    _depth[0] += 1
    try:
        return _import(*arguments, **options)
    finally:
        _depth[0] -= 1
        if not _depth[0]:
            _spent["import_s"] += time.process_time() - start


def _listen(event: str, duration_secs: float, **_) -> None:
    """What JAX says of each program."""
    if event in _EVENTS:
        _spent[_EVENTS[event]] += duration_secs
        _spent["programs"] += event.endswith("backend_compile_duration")


def main() -> int:
    """Run the words behind the script as ``memjax`` does."""
    # What keeps programs is set where memjax is the program, not the library.
    sys.argv[0] = "memjax"
    builtins.__import__ = _timed_import
    from memjax.cli import main as run
    from memjax.runtime import jax_setup

    prepare = jax_setup.prepare_jax

    def prepare_and_listen() -> None:
        prepare()
        from jax import monitoring

        monitoring.register_event_duration_secs_listener(_listen)

    jax_setup.prepare_jax = prepare_and_listen
    status = run()
    about = _spent | {"processor_s": time.process_time(), "modules": len(sys.modules)}
    children = os.times()
    about["cc_s"] = children.children_user + children.children_system
    about["jax"] = "jax" in sys.modules
    print(json.dumps(about | {"load": os.getloadavg()[0]}), file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
