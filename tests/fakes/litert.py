"""The oracle: what Google's interpreter computes from a TFLite file."""

import numpy as np


def litert(content: bytes, image: np.ndarray) -> np.ndarray:
    """First output for one image `[h, w, 3]` in the file's own input format."""
    from ai_edge_litert.interpreter import Interpreter  # only for those tests: collecting needs none

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
