"""The shape of the source, as DESIGN.md and CONTRIBUTING.md state it."""

import ast
import dataclasses
import functools
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import types
from pathlib import Path

import equinox as eqx
import pytest
import yaml

ROOT = Path(__file__).parents[1]
LIBRARIES = ("memjax", "fitting")
SOURCES = sorted(p for d in (*LIBRARIES, "benchmarks") for p in (ROOT / d).rglob("*.py"))
TOP = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md"}
TOP |= {"memjax", "fitting", "benchmarks", "tests", "docs", ".ci", ".gitignore", ".gitattributes"}


@functools.cache
def _modules(name: str) -> list[types.ModuleType]:
    root = importlib.import_module(name)
    found = pkgutil.walk_packages(getattr(root, "__path__", []), f"{name}.")
    inner = [importlib.import_module(m.name) for m in found if not m.name.endswith("__main__")]
    return [root, *inner]


@functools.cache
def _classes() -> list[type]:
    return [
        value
        for name in LIBRARIES
        for module in _modules(name)
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, eqx.Module)
        and value.__module__ == module.__name__
    ]


def _called_abstract(cls: type) -> bool:
    return cls.__name__.lstrip("_").startswith("Abstract")


def _is_abstract(cls: type) -> bool:
    wanted = ("__abstractmethods__", "__abstractvars__", "__abstractclassvars__")
    return any(getattr(cls, attribute, None) for attribute in wanted)


def _own_fields(cls: type) -> set[str]:
    declared = inspect.get_annotations(cls)
    return {f.name for f in dataclasses.fields(cls) if f.name in declared}


@functools.cache
def _trees() -> list[tuple[str, ast.Module]]:
    return [(str(p.relative_to(ROOT)), ast.parse(p.read_text("utf8"))) for p in SOURCES]


@pytest.mark.integration
def test_an_abstract_class_is_called_so_and_no_other():
    classes = _classes()
    assert [c for c in classes if _is_abstract(c) and not _called_abstract(c)] == []
    # A marker adds nothing of its own; it is told from others by isinstance.
    markers = [c for c in classes if _called_abstract(c) and not _is_abstract(c)]
    assert [c for c in markers if _own_fields(c) or c.__bases__ == (object,)] == []


def test_no_concrete_class_is_subclassed():
    bases = {(c, b) for c in _classes() for b in c.__mro__[1:] if issubclass(b, eqx.Module)}
    assert [(c, b) for c, b in bases if b is not eqx.Module and not _called_abstract(b)] == []


@pytest.mark.slow
def test_all_fields_of_a_class_stand_in_one_class():
    owners = {
        c: [b for b in c.__mro__ if b in set(_classes()) and _own_fields(b)] for c in _classes()
    }
    assert {c: o for c, o in owners.items() if len(o) > 1} == {}


def _public(name: str) -> dict[str, object]:
    """Names that the package and its public modules offer, which the package defines itself."""
    modules = [
        m for m in _modules(name) if not any(p.startswith("_") for p in m.__name__.split("."))
    ]
    return {
        f"{module.__name__}.{key}": value
        for module in modules
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value))
        and (getattr(value, "__module__", None) or value.__name__).split(".")[0] == name
    }


def _documented(value) -> bool:
    doc = getattr(value, "__doc__", None) or ""
    generated = inspect.isclass(value) and doc.startswith(f"{value.__name__}(")  # by dataclasses
    return bool(doc.strip()) and not generated


@pytest.mark.parametrize("package", LIBRARIES)
def test_every_public_name_is_documented(package):
    bare = [name for name, value in _public(package).items() if not _documented(value)]
    for name, value in _public(package).items():
        if inspect.isclass(value):
            own = [
                k for k, v in vars(value).items() if inspect.isfunction(v) and not k.startswith("_")
            ]
            bare += [f"{name}.{k}" for k in own if not inspect.getdoc(getattr(value, k))]
    assert bare == []


def test_below_its_app_fitting_knows_no_command_line():
    knows = []
    for path, tree in _trees():
        if not path.startswith("fitting/") or path.startswith("fitting/app/"):
            continue
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            knows += [path for n in names if n == "argparse" or n.startswith("memjax.cli")]
    assert knows == []


@pytest.mark.slow
def test_source_asserts_nothing():
    found = [
        f"{path}:{node.lineno}"
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    assert found == []


@pytest.mark.slow
def test_no_file_that_is_read_can_run_code():
    """No pickle and the like, no source text that is run, and NumPy's loader without objects."""
    running = {"pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
    loaders = {"read_pickle", "tree_deserialise_leaves", "unsafe_load", "full_load"}
    wrong = []
    for path, tree in _trees():
        for node in ast.walk(tree):
            where = f"{path}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
                wrong += [where for m in modules if m.split(".")[0] in running]
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in ("eval", "exec") or called.split(".")[-1] in loaders:
                wrong.append(where)
            given = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if called == "np.load" and given.get("allow_pickle", "False") != "False":
                wrong.append(where)
            if called == "yaml.load":
                wrong.append(where)
    assert wrong == []


def _is_long(function: ast.FunctionDef) -> bool:
    """Whether a function has 80 lines or more, or more than 60 beside its docstring."""
    lines = function.end_lineno - function.lineno + 1
    text = function.body[0] if ast.get_docstring(function) is not None else None
    return lines > 80 or lines - (text.end_lineno - text.lineno + 1 if text else 0) > 60


def test_functions_and_files_are_short():
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and _is_long(node)
    ]
    most = {"fitting": 400}  # the others: 700
    for p in SOURCES:
        room = p.relative_to(ROOT).parts[0]
        long += [str(p)] if len(p.read_text("utf8").splitlines()) > most.get(room, 700) else []
    assert long == []


MOST_ARGUMENTS = 10


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[str]:
    """Names of all arguments of a function, but for the object or class that it belongs to."""
    a = function.args
    names = [x.arg for x in (*a.posonlyargs, *a.args)]
    names = names[1:] if names[:1] in (["self"], ["cls"]) else names
    return names + [x.arg for x in (*a.kwonlyargs, a.vararg, a.kwarg) if x is not None]


def test_no_function_of_the_libraries_has_more_than_ten_arguments():
    functions = [
        (f"{path}:{node.lineno}", _arguments(node))
        for path, tree in _trees()
        for node in ast.walk(tree)
        if path.split("/")[0] in LIBRARIES
        and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    ]
    assert [where for where, names in functions if len(names) > MOST_ARGUMENTS] == []
    text = "class A:\n    def f(self, a, /, b, *c, d, **e): ..."
    assert _arguments(ast.parse(text).body[0].body[0]) == ["a", "b", "d", "c", "e"]


UNMIRRORED = {
    "constants.py": "it holds numbers alone",
    "page/blocks.py": "its blocks are shown by tests/fitting/page/test_render.py",
    "choice/kind.py": "registered kinds are walked by tests/fitting/test_kinds.py",
    "choice/report.py": "its page is made by tests/fitting/choice/test_options.py",
}
"""Modules of fitting without a test file of their own, and why."""


def test_every_module_of_fitting_has_its_mirror_among_the_tests():
    tests, missing = ROOT / "tests" / "fitting", []
    for path in sorted((ROOT / "fitting").rglob("*.py")):
        place = path.relative_to(ROOT / "fitting")
        if path.name == "__init__.py" or {path.name, place.as_posix()} & set(UNMIRRORED):
            continue
        if not (tests / place.parent / f"test_{path.name}").exists():
            missing.append(place.as_posix())
    assert missing == []


def test_html_stands_in_templates_and_in_no_string_of_fitting():
    tag = re.compile(r"</|<!d|(?<!\?P)<[a-z]\w*[ />]|<{")  # ?P<name> is of regular expressions
    strings = [
        (f"{path}:{node.lineno}", ast.unparse(node))
        for path, tree in _trees()
        for node in ast.walk(tree)
        if path.startswith("fitting/")
        and (isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", 0), str))
    ]
    assert [where for where, text in strings if tag.search(text)] == []
    assert all(map(tag.search, ("<td>", "<br/>", "</p>", "<img src", "<{tag} class", "<!doctype")))


def _memjax_names(tree: ast.Module) -> set[str]:
    """Dotted names of memjax that a file imports or reads off an import of the package."""
    names, aliases = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                if item.name.split(".")[0] == "memjax":
                    names.add(item.name)
                    aliases[item.asname or "memjax"] = item.name if item.asname else "memjax"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "memjax":
            names |= {f"{node.module}.{item.name}" for item in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in aliases:
            names.add(f"{aliases[node.value.id]}.{node.attr}")
    return names


def _is_there(name: str) -> bool:
    """Whether a dotted name is a module, or a name in one (a function may hide a module)."""
    holder, _, last = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return holder != "" and hasattr(importlib.import_module(holder), last)
    return True


@pytest.mark.slow
def test_fitting_uses_public_names_of_memjax_only():
    used = {
        (path, name)
        for path, tree in _trees()
        if path.startswith("fitting")
        for name in _memjax_names(tree)
    }
    private = {(path, n) for path, n in used if any(p.startswith("_") for p in n.split("."))}
    assert private == set()
    assert {(path, n) for path, n in used if not _is_there(n)} == set()


@pytest.mark.integration
def test_top_level_holds_what_the_design_names():
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True)
    if listed.returncode != 0 or not listed.stdout:
        pytest.skip("not a git checkout with a commit")
    assert {row.split("/")[0] for row in listed.stdout.splitlines()} - TOP == set()


@pytest.mark.slow
def test_names_change_no_configuration_and_load_no_package_that_few_scripts_need():
    program = """
import sys, jax, equinox, diffrax
before, loaded = dict(jax.config.values), set(sys.modules)
import memjax
rooms = {"datasets", "io", "learning", "network", "plot", "testing"}
for name in set(memjax._homes) - rooms:
    getattr(memjax, name)
new = set(sys.modules) - loaded
changed = {k for k, v in before.items() if jax.config.values[k] != v}
others = {m for m in new if m.split(".")[0] not in {"memjax", *sys.stdlib_module_names}}
early = {m.split(".")[1] for m in new if m.startswith("memjax.")} & rooms
print(sorted(changed), sorted(others), sorted(early), "memjax.data.readers" in new)
print(memjax.plot.__name__, memjax.network.run.__name__, rooms <= set(dir(memjax)))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    # What a package of someone else costs (scipy.special alone 0.1 s) is paid where it is used.
    expected = "[] [] [] False\nmemjax.plot run True"
    assert (run.stdout.strip(), run.returncode) == (expected, 0), run.stderr


def test_citation_file_has_what_a_reader_needs():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    keys = {"cff-version", "message", "title", "authors", "version", "license", "type"}
    assert keys - set(citation) == set()
    project = (ROOT / "pyproject.toml").read_text("utf8")
    assert f'version = "{citation["version"]}"' in project
    assert f'license = "{citation["license"]}"' in project


# Pronouns, prepositions and participles say nothing of the thing that they stand for.
NO_NAMES = {"about", "own", "rest", "each", "away", "told", "seen", "found"}
NO_NAMES |= {"given", "kept", "beside", "behind", "asked"}
# The pause between pulses or samples, which documented constructors and saved designs call so.
RESTS = {f"memjax/{m}.py" for m in ("learning/design", "learning/lanes", "learning/reservoir")}
RESTS |= {"memjax/cli/reservoir.py", "memjax/synapse/pulsed.py"}


def _bound_names(tree: ast.Module) -> list[tuple[str, int]]:
    """Variables, arguments, keywords, attributes, functions and classes of a module, with their lines."""
    names = []
    for node in ast.walk(tree):
        for field in ("id", "arg", "attr", "name", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                names.append((name, getattr(node, "lineno", 0)))
    return names


def test_names_are_nouns_for_things_and_verbs_for_actions():
    sources = [p for p in SOURCES if p.relative_to(ROOT).parts[0] in LIBRARIES]
    wrong = []
    for path in sources:
        where = path.relative_to(ROOT).as_posix()
        forbidden = NO_NAMES - {"rest"} if where in RESTS else NO_NAMES
        names = _bound_names(ast.parse(path.read_text("utf8")))
        wrong += [f"{where}:{line}: {name}" for name, line in names if name in forbidden]
    assert wrong == []
    # The walk sees names of every kind.
    seen = _bound_names(ast.parse("from a import b as about\ndef own(rest): each.away(told=seen)"))
    assert {name for name, _ in seen} >= {"about", "own", "rest", "each", "away", "told", "seen"}


def test_no_module_defines_a_name_twice():
    """The later one would stand for the earlier in functions written before it; ruff sees only unused ones."""
    twice = []
    for path in [*SOURCES, *(ROOT / "tests").rglob("*.py")]:
        tree = ast.parse(path.read_text("utf8"))
        for scope in ast.walk(tree):
            if not isinstance(scope, ast.Module | ast.ClassDef):
                continue
            # A decorated one may be an overload or the setter of a property.
            plain = [
                n.name
                for n in scope.body
                if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.decorator_list
            ]
            where = path.relative_to(ROOT)
            twice += [f"{where}: {name}" for name in set(plain) if plain.count(name) > 1]
    assert twice == []


def _named_in(page: str) -> tuple[set[str], set[str]]:
    """Paths and dotted names between backticks."""
    words = {
        w
        for w in re.findall(r"`([\w./~-]+)`", page)
        if not w.startswith(("~", "..")) and "NAME" not in w
    }
    paths = {w for w in words if "/" in w or w.endswith((".py", ".md", ".toml"))} - {"case.py"}
    heads = ("memjax", "mj", "fitting", "benchmarks", "tests")
    return paths, {w for w in words - paths if "." in w and w.split(".")[0] in heads}


def test_contributing_names_only_what_exists():
    page = (ROOT / "CONTRIBUTING.md").read_text("utf8")
    paths, names = _named_in(page)
    roots = (ROOT, ROOT / "fitting", ROOT / "memjax")
    missing = {p for p in paths if not any((root / p).exists() for root in roots)}
    source = "".join(p.read_text("utf8") for p in (ROOT / "memjax").rglob("*.py"))
    source += (ROOT / "pyproject.toml").read_text("utf8")
    groups = {n for n in names if f'"{n}"' in source}  # of entry points
    missing |= {n for n in names - groups if not _is_there(re.sub(r"^mj\b", "memjax", n))}
    assert missing == set()
    assert {"memjax/data/readers/", "fitting/kinds.py"} <= paths
    assert {"mj.Bench", "tests.helpers.z_score", "memjax.readers"} <= names
