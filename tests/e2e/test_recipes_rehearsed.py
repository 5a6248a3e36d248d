"""Recipes of the papers on one percent of the files of their data; scripts/soak/recipes.py takes all files."""

import pytest

from fakes.rehearsals import rehearse_ade20k, rehearse_cityscapes, rehearse_voc

pytestmark = pytest.mark.usefixtures("nothing_drawn")


@pytest.mark.parametrize(
    ("rehearse", "share"), [(rehearse_voc, 0.01), (rehearse_cityscapes, 0.01), (rehearse_ade20k, 0.002)]
)
def test_a_recipe_runs_whole(rehearse, share, tmp_path):
    rehearse(tmp_path, share=share)
