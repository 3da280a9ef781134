"""The site: `sphinx-build -W docs docs/_build/html` builds it, offline; `-t quick` runs no code."""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "extensions"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # XLA is silent in executed cells
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(DOCS / "_build" / "xla"))

import memjax

QUICK = tags.has("quick")

project, author = "memjax", "The memjax developers"
copyright = "the memjax developers, Apache-2.0"
version = release = memjax.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "api_pages",
    "benchmark_pages",
    "board_page",
    "command_page",
    "mathml",
    "model_pages",
]
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"diffrax\..*"),  # pages of others: the build asks no net
    ("py:class", r"memjax\.core\.system\..*"),  # types of noise in signatures have no page
]
default_role = "code-or-link"
templates_path = ["_templates"]
exclude_patterns = [
    "_build",
    "jupyter_execute",
    "extensions",
    "examples",
    "**/GALLERY_HEADER.rst",
    "sg_execution_times.rst",
    "gallery/*.ipynb",
    "gallery/*.py",
]
show_warning_types = True

# Pages
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb"}
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off" if QUICK else "cache"
nb_execution_cache_path = str(DOCS / "_build" / "cells")
nb_execution_timeout = 900
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True

# Gallery
sphinx_gallery_conf = {
    "examples_dirs": ["examples"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"/\w+\.py$",
    "plot_gallery": not QUICK,
    "parallel": 2,  # scripts side by side, by joblib
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "min_reported_time": 1e9,
    "write_computation_times": False,
    "capture_repr": ("__repr__",),
    "nested_sections": False,
}

# API
autosummary_generate = True
autodoc_typehints = "none"  # docstrings say types, shapes and units
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
model_pictures = not QUICK

# Look
html_theme = "pydata_sphinx_theme"
html_title = "memjax"
html_static_path = ["_static"]
html_css_files = ["memjax.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "memjax"},
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "search_bar_text": "Search",
    "secondary_sidebar_items": ["page-toc"],
}
