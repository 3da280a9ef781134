"""Every fit is saved by one method, whatever its kind; see also test_folder.py and test_problems.py."""

import pytest

from fitting import folder
from fitting.has_folder import HasFolder
from fitting.kinds import kinds
from fitting.result import AbstractFit
from memjax.errors import BoundsError


def _classes(cls):
    return {cls}.union(*(_classes(c) for c in cls.__subclasses__()))


def test_all_fits_are_of_an_installed_kind():
    import fitting as ft

    fits = (
        ft.FitResult,
        ft.PulseFit,
        ft.RetentionFit,
        ft.TransientFit,
        ft.VoltageFit,
        ft.SpikeFit,
        ft.TargetFit,
        ft.JointFit,
    )
    assert all(issubclass(c, AbstractFit) for c in fits)
    assert {c.kind for c in fits} <= set(kinds())
    own = {c for c in _classes(HasFolder) if c.__module__.startswith("fitting.")}
    assert {c.kind for c in own - {HasFolder, AbstractFit}} <= set(kinds())


@pytest.mark.wrong_types  # what is in the place of the function returns nothing
def test_it_is_saved_where_that_is_asked_for(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(folder, "save", lambda *words, **options: asked.append((words, options)))
    fit = HasFolder()
    fit.save(tmp_path, force=True)
    assert asked == [((fit, tmp_path), {"force": True})]
    assert fit.files == ()


@pytest.mark.wrong_types
def test_a_word_is_no_flag(tmp_path):
    with pytest.raises(BoundsError):
        HasFolder().save(tmp_path, force="False")  # pyright: ignore[reportArgumentType]
