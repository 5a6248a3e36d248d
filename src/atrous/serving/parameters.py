"""The parameters of a request, in its query or in fields of its form."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from atrous.serving.answers import AnswerSettings, Output
from atrous.serving.models import OUTPUT_STRIDES, Strategy
from atrous.serving.request_error import RequestError


def _numbers(value: Any) -> Any:
    """Split `0.5,1` and `0.5 1`, which forms and addresses hold, into numbers."""
    texts = value if isinstance(value, list) else [value]
    return [part for text in texts for part in (re.split(r"[,\s]+", text.strip()) if isinstance(text, str) else [text])]


def _whole_number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,3}", value, re.ASCII) else value


Scale = Annotated[float, Field(ge=0.25, le=2.0)]


class SegmentParameters(BaseModel):
    """Parameters of a prediction; those that are left out are the server's."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[
        str | None, Field(max_length=200, description="Name of a model of `/v1/model`; by default the first.")
    ] = None
    output: Annotated[
        Output,
        Field(
            description="`json`: indexed PNG in base64 with shares and polygons; `labels`: indexed PNG; `overlay`: PNG "
            "of the image under the class colours; `probabilities`: NPY of float16 [classes, height, width]; "
            "`polygons`: JSON of outlines; `coco_rle`: JSON of a COCO data set with run lengths."
        ),
    ] = "json"
    output_stride: Annotated[
        int | None,
        BeforeValidator(_whole_number),
        Field(
            description="Output stride of the backbone; smaller is finer and slower.",
            json_schema_extra={"anyOf": [{"type": "integer", "enum": list(OUTPUT_STRIDES)}, {"type": "null"}]},
        ),
    ] = None
    scales: Annotated[
        list[Scale] | None,
        BeforeValidator(_numbers),
        Field(
            min_length=1,
            max_length=8,
            description="Image sizes whose probabilities are averaged; repeated, or separated by commas.",
        ),
    ] = None
    flip: Annotated[bool | None, Field(description="Average with the prediction of the mirrored image.")] = None
    tolerance: Annotated[
        float,
        Field(ge=0, le=100, description="Largest distance in pixels of a polygon's removed corner from its line."),
    ] = AnswerSettings.tolerance
    opacity: Annotated[float, Field(ge=0, le=1, description="Weight of the class colours in overlays.")] = (
        AnswerSettings.opacity
    )
    certainty: Annotated[
        bool, Field(description="JSON also holds the two largest probabilities and the entropy of every pixel.")
    ] = False

    @property
    def strategy(self) -> Strategy:
        """The settings of the prediction."""
        scales = None if self.scales is None else tuple(self.scales)
        return Strategy(self.output_stride, scales, self.flip)

    @property
    def answer(self) -> AnswerSettings:
        """The settings of the answer's form."""
        return AnswerSettings(self.output, self.tolerance, self.opacity, self.certainty)


def parse_parameters(query: Mapping[str, list[str]], form: Mapping[str, list[str]]) -> SegmentParameters:
    """Check the parameters of a request.

    Args:
        query: Values of the address, by name.
        form: Values of the form's fields, by name.

    Raises:
        RequestError: 422 for an unknown name, an impossible value, or one name in both places.
    """
    if both := sorted({*query} & {*form}):
        raise RequestError(422, "invalid_parameter", f"{both[0]:.80} is in the address and in the form; give it once")
    given: dict[str, Any] = {}
    for name, values in {**query, **form}.items():
        if name != "scales" and len(values) > 1:
            raise RequestError(422, "invalid_parameter", f"{name:.80} is given {len(values)} times; give it once")
        given[name] = values if name == "scales" else values[0]
    try:
        parameters = SegmentParameters.model_validate(given)
    except ValidationError as error:
        raise RequestError(422, "invalid_parameter", _line(error)) from error
    if parameters.output_stride not in (None, *OUTPUT_STRIDES):
        strides = ", ".join(map(str, OUTPUT_STRIDES))
        line = f"output_stride {parameters.output_stride}: give one of {strides}"
        raise RequestError(422, "invalid_parameter", line)
    return parameters


def _line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        known = ", ".join(SegmentParameters.model_fields)
        return f"{place!r:.80} is no parameter; known: {known}"
    return f"{place:.80}: {first['msg']} (not {first['input']!r:.80})"
