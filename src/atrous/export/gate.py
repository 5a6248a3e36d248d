"""Gates: the agreement with the float32 model that an exported file must reach."""

from dataclasses import dataclass

from atrous.inference.engines.description import ExportPrecision

DECIDED = 1e-4
"""Difference of the two largest logits, relative to the deviation of all logits, from which a label is decided."""

SHARES = {"float16": 0.995, "int8": 0.985}
"""Least shares of equal pixels, by number type; for 8 bits over the pictures that calibration has not seen."""


@dataclass(frozen=True)
class Gate:
    """Condition for an exported file.

    Attributes:
        share: Least share of equal pixels over all images; None asks for equal labels at every decided pixel.
        by_user: True if the user chose the share.
    """

    share: float | None
    by_user: bool = False

    @classmethod
    def choose(cls, precision: ExportPrecision, share: float | None) -> "Gate":
        """Return the user's gate where there is one, else that of the number type."""
        return cls(SHARES.get(precision)) if share is None else cls(share, by_user=True)

    def passes(self, *, equal_share: float, unequal_decided: int) -> bool:
        """Return True if the gate is met.

        Args:
            equal_share: Share of equal pixels, 0..1.
            unequal_decided: Number of decided pixels whose labels differ.
        """
        return unequal_decided == 0 if self.share is None else equal_share >= self.share

    def __str__(self) -> str:
        whose = "--gate" if self.by_user else "default"
        if self.share is None:
            return f"labels equal wherever the two largest logits differ by more than {DECIDED:g} deviations ({whose})"
        return f"at least {self.share:.2%} of the pixels equal ({whose})"
