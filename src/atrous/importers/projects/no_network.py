"""What a checkpoint without a network holds instead: a program, tensors without names, the state of an optimizer."""

import re
from collections.abc import Iterable, Sequence

OPTIMIZER_ALONE = (
    "the state of an optimizer without a network; give the file in which the same training saved model.state_dict()"
)

_OF_OPTIMIZERS = re.compile(
    r"(.*\.)?(step|exp_avg|exp_avg_sq|max_exp_avg_sq|exp_inf|momentum_buffer|square_avg|grad_avg|sum|acc_delta|prev|eta)"
)
"""Names of the tensors that the optimizers of PyTorch keep for each parameter."""

_OF_OPTIMIZERS_ALONE = re.compile(
    r"(.*\.)?((exp_avg|exp_avg_sq|max_exp_avg_sq|exp_inf|momentum_buffer|square_avg|grad_avg|acc_delta)"
    r"|state\.\d+\.(sum|prev|eta))"
)
"""Those of them that nothing else is called: a step or a sum may be one of anything, unless it is a parameter's."""

_TENSORS = re.compile(r"torch\._(utils|tensor)\._|numpy\.(core|_core)\.\w+\._|numpy\.(dtype|ndarray)$|_codecs\.encode$")
"""Functions that a pickle names for tensors and arrays."""

_PROGRAM = "__torch__."
"""Beginning of the names of classes in a program of TorchScript."""


def is_optimizer(names: Iterable[str]) -> bool:
    """Return True if all names, with the keys that lead to them, are those that optimizers give, and one is theirs."""
    called = [*names]
    return all(map(_OF_OPTIMIZERS.fullmatch, called)) and any(map(_OF_OPTIMIZERS_ALONE.fullmatch, called))


def without_weights(called: Sequence[str]) -> str:
    """The line about a pickle without a state dict, which may be a program.

    Args:
        called: What the pickle asks to call.
    """
    if not called:
        return "a pickle without a state dict; save model.state_dict()"
    if all(map(_TENSORS.match, called)):
        return "tensors without their names; save model.state_dict(), which has them"
    if all(name.startswith(_PROGRAM) for name in called):
        return (
            "a program of TorchScript without named tensors, as torch.jit.freeze leaves it; give the program from "
            "before that, or save model.state_dict()"
        )
    shown = ", ".join(called[:3]) + (" ..." if len(called) > 3 else "")
    return (
        f"a pickle without a state dict, which asks to call {shown}: no code of a pickle is run here; where the model "
        "can be built, save model.state_dict(), and take files of unknown origin for harmful"
    )
