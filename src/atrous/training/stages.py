"""A stage of training, and the second one of the papers: finer, slower, batch norm frozen (DeepLabv3, section 4.1)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from atrous.data.dataset import DataSet
from atrous.errors import InputError
from atrous.evaluation.evaluate import OnProgress
from atrous.training.checkpoint import TrainingState, share_state
from atrous.training.config import TrainConfig
from atrous.training.loop import Validated, train
from atrous.training.progress import TrainingProgress
from atrous.training.replicas import ALONE, Replicas
from atrous.training.run import Run
from atrous.training.start import fresh_state


@dataclass(frozen=True)
class Stage:
    """Settings, data, and the folder for what comes out.

    Attributes:
        config: The settings.
        data: To train on.
        validation: To validate on.
        run: The stage's own run folder.
        second: Whether it goes on from a first one.
    """

    config: TrainConfig
    data: DataSet
    validation: DataSet
    run: Run
    second: bool = False

    def fresh_state(self, *, device: torch.device, before: "Stage | None" = None) -> TrainingState:
        """The state to resume into, or to start from: with what the finished stage `before` kept, if there is one.

        It is read from that stage's files, so that a run which was interrupted in between starts from the same bits.

        Raises:
            InputError: As `training.start.fresh_state` does.
        """
        start, unfold = before.run.last if before else None, not self.run.state.exists()
        return fresh_state(self.config, data=self.data, device=device, unfold=unfold, before=start)

    def resume(self, state: TrainingState, *, replicas: Replicas = ALONE) -> bool:
        """Go on from the run folder, which the first replica reads and all get; whether there was anything in it."""
        resumed = replicas.leads and self.run.resume(state)
        share_state(state, replicas=replicas)
        return resumed

    def events(
        self,
        state: TrainingState,
        *,
        device: torch.device,
        replicas: Replicas = ALONE,
        validating: OnProgress | None = None,
    ) -> Iterator[TrainingProgress | Validated]:
        """Train from `state`, which `resume` has seen; see `training.loop.train`."""
        return train(
            state,
            self.config,
            data=self.data,
            validation=self.validation,
            run=self.run,
            device=device,
            replicas=replicas,
            validating=validating,
        )


@dataclass(frozen=True)
class SecondStage:
    """What the second stage changes; all else stays as in the first. It starts from what the first one kept.

    Attributes:
        second_iterations: Steps of the second stage; 0 is none.
        second_split: Part of the data that it trains on.
        second_learning_rate: At its start: 0.001, or 0.0001 where the first one started from COCO.
        second_output_stride: Of the network in it; batch norm is frozen, so that a small batch does no harm.
        second_batch_size: Crops per step; 0 is that of the first stage (the papers do not say).
        second_copies: Of images with hard classes in an epoch, as `hard_copies` of the first stage.
    """

    second_iterations: int = 0
    second_split: str = "trainval"
    second_learning_rate: float = 0.001
    second_output_stride: int = 8
    second_batch_size: int = 0
    second_copies: int = 1

    def __post_init__(self) -> None:
        """Refuse what `TrainConfig` would refuse in words of its own."""
        if min(self.second_iterations, self.second_batch_size) < 0:
            raise InputError("second-iterations and second-batch-size cannot be negative")

    def after(self, first: TrainConfig) -> TrainConfig:
        """The settings of the second stage that follows `first`.

        Raises:
            InputError: If they contradict each other.
        """
        return replace(
            first,
            model=replace(first.model, output_stride=self.second_output_stride),
            iterations=self.second_iterations,
            batch_size=self.second_batch_size or first.batch_size,
            learning_rate=self.second_learning_rate,
            warmup=0,
            norms="fixed" if first.norms == "fixed" else "frozen",
            sampling=replace(first.sampling, hard_copies=self.second_copies),
            backbone_weights=None,
            weights=None,
        )
