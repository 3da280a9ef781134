"""Where compiled programs are kept."""

import os
from pathlib import Path

import jax
import pytest

from memjax.runtime import jax_setup


@pytest.fixture
def settings(monkeypatch):
    """What would be set in JAX."""
    found = {}
    monkeypatch.setattr(jax.config, "update", lambda name, value: found.update({name: value}))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    return found


@pytest.mark.parametrize("word", ["off", "OFF", "0", ""])
def test_switched_off(monkeypatch, settings, word):
    monkeypatch.setenv("MEMJAX_CACHE", word)
    jax_setup.prepare_jax()
    assert settings == {"jax_enable_x64": True}


def test_moved_and_made(monkeypatch, settings, tmp_path):
    monkeypatch.setenv("MEMJAX_CACHE", str(tmp_path / "a" / "b"))
    jax_setup.prepare_jax()
    folder = Path(settings["jax_compilation_cache_dir"])
    assert folder.parent == tmp_path / "a" / "b"
    assert folder.is_dir()
    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == 0o700
    assert settings["jax_persistent_cache_min_entry_size_bytes"] == -1
    assert settings["jax_persistent_cache_min_compile_time_secs"] <= 0.3


def test_in_the_users_cache_unless_jax_has_one_already(monkeypatch, settings, tmp_path):
    monkeypatch.delenv("MEMJAX_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jax_setup.prepare_jax()
    assert Path(settings["jax_compilation_cache_dir"]).parent == tmp_path / "memjax" / "xla"
    settings.clear()
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    jax_setup.prepare_jax()
    assert settings == {"jax_enable_x64": True}


def test_folder_that_cannot_be_made_is_a_warning(monkeypatch, settings, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MEMJAX_CACHE", str(tmp_path / "file" / "x"))
    jax_setup.prepare_jax()
    assert settings == {"jax_enable_x64": True}
    assert capsys.readouterr().err.startswith("memjax: warning: nothing is kept: ")


def test_folder_of_another_user_is_a_warning(monkeypatch, settings, tmp_path, capsys):
    monkeypatch.setenv("MEMJAX_CACHE", str(tmp_path))
    user = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: user)
    jax_setup.prepare_jax()
    assert settings == {"jax_enable_x64": True}
    assert capsys.readouterr().err.strip().endswith("belongs to another user")


def test_folder_that_others_can_write_to_is_closed(monkeypatch, settings, tmp_path):
    monkeypatch.setenv("MEMJAX_CACHE", str(tmp_path))
    jax_setup.prepare_jax()
    folder = Path(settings["jax_compilation_cache_dir"])
    folder.chmod(0o777)
    jax_setup.prepare_jax()
    assert folder.stat().st_mode & 0o777 == 0o700
