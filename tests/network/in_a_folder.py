"""The network of the tests, into a folder, from where it stands."""

import sys
from pathlib import Path

import jax

from memjax.runtime.compile_cache import fuse_small_loops

fuse_small_loops()
jax.config.update("jax_enable_x64", True)

from memjax.network.folder_run import FolderSettings, run_network  # noqa: E402
from tests.network.conftest import spiking  # noqa: E402

folder = Path(sys.argv[1])
resume = (folder / "run.json").exists()
run_network(
    spiking(),
    0.5,
    folder,
    watch={"cells": [0, 39]},
    folder=FolderSettings(resume=resume, save_interval=0.1),
)
