"""Folders of the files of a joint fit."""

from fitting.joint.content import folder_of


def test_a_folder_is_named_by_place_and_label():
    assert folder_of("dc sweeps.csv", 0) == "1-dc_sweeps.csv"
    assert folder_of("a/b, c", 1) == "2-a_b_c"
