"""Working ahead: in order, bounded, errors where they belong."""

import threading

import pytest

from atrous.inference.prefetch import prefetch


def test_results_come_in_order():
    found = [(item, future.result()) for item, future in prefetch(lambda item: item**2, range(20), depth=3)]
    assert found == [(item, item**2) for item in range(20)]


def test_it_never_runs_further_ahead_than_its_depth():
    taken = []

    def items():
        for item in range(10):
            taken.append(item)
            yield item

    for number, _ in enumerate(prefetch(lambda item: item, items(), depth=2)):
        assert len(taken) <= number + 3


def test_the_next_item_is_worked_on_while_the_caller_is_busy():
    second_done = threading.Event()

    def work(item):
        if item == 1:
            second_done.set()

    for item, _ in prefetch(work, [0, 1]):
        assert item == 1 or second_done.wait(timeout=10)


def test_an_error_stays_with_its_item():
    def divide(item):
        return 6 // item

    outcomes = dict(prefetch(divide, [3, 0, 2]))
    assert outcomes[3].result() == 2
    assert outcomes[2].result() == 3
    with pytest.raises(ZeroDivisionError):
        outcomes[0].result()


@pytest.mark.parametrize(("most_bytes", "ahead"), [(1000, 4), (250, 1), (50, 0)])
def test_large_results_are_not_piled_up(most_bytes, ahead):
    """Results of 100 bytes: with those that wait, another one fits or is not begun."""
    started = []

    def make(number):
        started.append(number)
        return number

    results = prefetch(make, range(12), depth=4, bytes_of=lambda _: 100, most_bytes=most_bytes)
    for place, (number, future) in enumerate(results):
        assert (number, future.result()) == (place, place)
        if place > 5:  # by now the size of a result is known
            assert len(started) - 1 - place <= ahead + 1
    assert started == sorted(started)
