"""Training stages; the second has a smaller output stride and rate, and frozen batch norm (DeepLabv3, section 4.1)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from atrous.data.dataset import DataSet
from atrous.errors import InputError
from atrous.evaluation.evaluate import OnProgress
from atrous.training.checkpoint import TrainingState, share_state
from atrous.training.config import TrainConfig
from atrous.training.loop import ValidationResult, train
from atrous.training.loss import LossFunction
from atrous.training.progress import TrainingProgress
from atrous.training.replicas import SINGLE_PROCESS, Replicas
from atrous.training.run import Run
from atrous.training.start import fresh_state
from atrous.training.teacher import Teacher


@dataclass(frozen=True)
class Stage:
    """Settings, data and run folder of a training stage.

    Attributes:
        config: Settings of the stage.
        data: Training data.
        validation: Validation data; None for a run without validations.
        run: Run folder of the stage.
        second: True if the stage starts from the result of a first one.
        loss: Replaces the loss of the settings.
        teacher: Network whose probabilities the stage learns from, too; None for labels alone.
        unlabelled: Pictures that the teacher labels; None for the labelled ones.
    """

    config: TrainConfig
    data: DataSet
    validation: DataSet | None
    run: Run
    second: bool = False
    loss: LossFunction | None = None
    teacher: Teacher | None = None
    unlabelled: DataSet | None = None

    def fresh_state(self, *, device: torch.device, before: "Stage | None" = None) -> TrainingState:
        """The initial state; its weights are those saved by the finished stage `before`, if there is one.

        They are read from that stage's files, so that a run interrupted between the stages starts from the same bits.

        Raises:
            InputError: If the state cannot be built, as for `training.start.fresh_state`.
        """
        start, fresh = before.run.last if before else None, not self.run.state.exists()
        return fresh_state(self.config, data=self.data, device=device, fresh=fresh, before=start)

    def resume(self, state: TrainingState, *, replicas: Replicas = SINGLE_PROCESS, previous: bool = False) -> bool:
        """Load the saved state of the run folder into all replicas; returns False if there is none."""
        resumed = replicas.is_rank_0 and self.run.resume(state, previous=previous)
        share_state(state, replicas=replicas)
        return resumed

    def events(
        self,
        state: TrainingState,
        *,
        device: torch.device,
        replicas: Replicas = SINGLE_PROCESS,
        validating: OnProgress | None = None,
    ) -> Iterator[TrainingProgress | ValidationResult]:
        """Train from `state`, which `resume` has filled; see `training.loop.train`."""
        return train(
            state,
            self.config,
            data=self.data,
            validation=self.validation,
            run=self.run,
            device=device,
            replicas=replicas,
            validating=validating,
            loss_function=self.loss,
            teacher=self.teacher,
            unlabelled=self.unlabelled,
        )


@dataclass(frozen=True)
class SecondStage:
    """Settings of the second stage that differ from the first; it starts from the weights that the first one saved.

    Attributes:
        second_iterations: Number of steps of the second stage; 0 is no second stage.
        second_split: Split of the data that it trains on.
        second_learning_rate: Initial learning rate: 0.001, or 0.0001 if the first stage started from COCO.
        second_output_stride: Output stride of the network; batch norm is frozen, so that a small batch does no harm.
        second_batch_size: Number of crops per step; 0 takes that of the first stage (the papers state none).
        second_hard_copies: Number of times that an epoch shows an image with a hard class, as `hard_copies`.
    """

    second_iterations: int = 0
    second_split: str = "trainval"
    second_learning_rate: float = 0.001
    second_output_stride: int = 8
    second_batch_size: int = 0
    second_hard_copies: int = 1

    def __post_init__(self) -> None:
        """Refuse negative numbers under the names of this stage's options; raises InputError."""
        if min(self.second_iterations, self.second_batch_size) < 0:
            raise InputError("second-iterations and second-batch-size cannot be negative")

    @property
    def later_split(self) -> tuple[str, ...]:
        """The split of this stage; empty without it."""
        return (self.second_split,) if self.second_iterations else ()

    def after(self, first: TrainConfig) -> TrainConfig:
        """Return all settings of the second stage that follows `first`.

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
            norm_images=0,
            sampling=replace(first.sampling, hard_copies=self.second_hard_copies),
            backbone_weights=None,
            weights=None,
        )
