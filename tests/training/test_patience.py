"""A run that no longer gets better ends, and stays ended."""

import json

import pytest

from atrous.training.loop import finished
from atrous.training.start import fresh_state
from fakes.run import CPU, changed, small_data, small_run

pytestmark = pytest.mark.usefixtures("nothing_drawn")


@pytest.mark.parametrize(
    ("iteration", "best", "over"),
    [(6, 2, False), (7, 2, False), (8, 2, True), (8, 4, False), (6, 0, True), (4, 0, False), (100, 100, True)],
)
def test_three_validations_without_a_better_one_end_a_run(iteration, best, over, tmp_path):
    config = changed(iterations=100, validate_every=2, patience=3)
    state = fresh_state(config, data=small_data(tmp_path), device=CPU)
    state.iteration, state.best = iteration, (0.5, best)
    assert finished(state, config) == over
    assert finished(state, changed(iterations=100, validate_every=2)) == (iteration == 100)


def test_an_ended_run_stays_ended(tmp_path):
    # At this rate nothing changes, so that no validation beats the first.
    config = changed(iterations=60, learning_rate=1e-30, patience=2, norms="frozen")
    state = small_run(tmp_path / "run", tmp_path / "data", config=config)
    assert (state.iteration, state.best[1]) == (6, 2)
    again = small_run(tmp_path / "run", tmp_path / "data", config=config)
    assert again.iteration == 6
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [record["iteration"] for record in records if "miou" in record] == [2, 4, 6]
