"""Threads of the processors, divided among the batches that are computed at the same time.

Two batches with one thread each are done sooner than one after the other with two threads, because threads of one
batch wait for each other at every operation. So a batch has all threads only where no other one waits.

Only the first of the network's threads computes with all of them. OpenMP keeps helpers for every thread that has
started some, and once a process has more of these than processors, they sleep between operations instead of waiting
actively: a picture then takes twice as long.
"""

import torch

MOST_TOGETHER = 4
"""Largest number of batches that are computed at the same time: each one needs memory of its own."""


class ThreadShares:
    """Division of torch's threads; its methods are called under the lock of their queue.

    Attributes:
        total: Number of all threads.
        most_batches: Largest number of batches at the same time, each computed by a thread of the network.
    """

    def __init__(self) -> None:
        self.total = torch.get_num_threads()
        self.most_batches = min(self.total, MOST_TOGETHER)
        self._batches, self._all_taken = 0, False

    def take(self, number: int, *, waiting: int, alone: bool) -> int:
        """Take the threads of the next batch.

        Args:
            number: Number of the thread of the network that asks, from 0; it computes nothing now.
            waiting: Number of batches that wait, at least 1.
            alone: True if the batch is to be the only one.

        Returns:
            The number of threads; 0 if another thread of the network, or a later time, is to compute the batch.
        """
        if self._all_taken:
            return 0
        if alone or (waiting == 1 and not self._batches):
            if self._batches or number > 0:
                return 0
            self._all_taken = True
        self._batches += 1
        return self.total if self._all_taken else self.total // self.most_batches

    def give_back(self) -> None:
        """Give back the threads of a batch that is done."""
        self._batches -= 1
        self._all_taken = False
