"""The description of the interface in OpenAPI, with examples."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from atrous.serving.parameters import SegmentParameters
from atrous.version import __version__

_SCHEMA = SegmentParameters.model_json_schema()
_PROPERTIES: dict[str, Any] = _SCHEMA["properties"]

_ERROR = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string", "description": "One word for programs."},
        "message": {"type": "string", "description": "One line for people: the value and the remedy."},
    },
}
_ERRORS = {
    "400": "The connection ended early, or the request is not HTTP as it should be.",
    "401": "The server asks for a bearer token, and the request has not the right one.",
    "403": "The request comes from a page of another site.",
    "404": "No model has this name.",
    "408": "The body did not arrive in time.",
    "413": "The body or the picture is too large.",
    "415": "The upload is not a picture of an allowed format.",
    "422": "A parameter is impossible, the form is damaged, or the picture cannot be decoded.",
    "503": "The service has as much to do as it may hold, or is shutting down; send the request again.",
}
_EXAMPLE = {
    "model": "street",
    "settings": {"output_stride": 16, "scales": [1.0], "flip": False},
    "milliseconds": {"decode": 4.1, "wait": 0.2, "predict": 81.0},
    "image": {"width": 2, "height": 1},
    "class_map": {"0": "road", "1": "sky"},
    "segmentation_mask": "iVBORw0KGgo...",
    "shares": {"sky": 0.5, "road": 0.5},
    "polygons": [
        {"class_id": 0, "class": "road", "pixels": 1, "outline": [[0, 0], [1, 0], [1, 1], [0, 1]], "holes": []}
    ],
}
_POINTS = {"type": "array", "items": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}}
_JSON_ANSWER = {
    "type": "object",
    "description": "With `output=json`; `polygons` and `coco_rle` have some of these entries, and those of COCO.",
    "properties": {
        "image": {
            "type": "object",
            "properties": {"width": {"type": "integer"}, "height": {"type": "integer"}},
            "required": ["width", "height"],
        },
        "class_map": {"type": "object", "additionalProperties": {"type": "string"}},
        "segmentation_mask": {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"},
        "shares": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}},
        "polygons": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "class_id": {"type": "integer"},
                    "class": {"type": "string"},
                    "pixels": {"type": "integer", "description": "Area before simplification."},
                    "outline": _POINTS,
                    "holes": {"type": "array", "items": _POINTS},
                },
                "required": ["class_id", "class", "pixels", "outline", "holes"],
            },
        },
        "certainty": {
            "type": "object",
            "description": "PNGs in base64; 255 is a probability of 1, or the largest entropy.",
            "properties": {name: {"type": "string"} for name in ("best", "second", "second_class", "entropy")},
        },
    },
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}


def _error_responses(*statuses: str) -> dict[str, Any]:
    def response(status: str) -> dict[str, Any]:
        found: dict[str, Any] = {
            "description": _ERRORS[status],
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        if status == "503":
            found["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
        return found

    return {status: response(status) for status in statuses}


def _without_title(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


_FORM = {
    "type": "object",
    "required": ["image"],
    "additionalProperties": False,
    "properties": {
        "image": {"type": "string", "format": "binary", "description": "The image file."},
        **{
            name: {**_without_title(schema), "description": schema.get("description", "")}
            for name, schema in _PROPERTIES.items()
        },
    },
}
SEGMENT: dict[str, Any] = {
    "parameters": [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": _without_title(schema),
            "description": schema.get("description", ""),
        }
        for name, schema in _PROPERTIES.items()
    ],
    "requestBody": {
        "required": True,
        "description": "The image file itself, or a form with it; PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF or HEIC. "
        "Parameters are given in the address or as fields of the form, each once.",
        "content": {
            "multipart/form-data": {"schema": _FORM},
            **dict.fromkeys(("image/jpeg", "image/png", "image/webp", "image/tiff"), _BINARY),
            "application/octet-stream": _BINARY,
        },
    },
    "responses": {
        "200": {
            "description": "The label map in the form that `output` names.",
            "headers": {"Server-Timing": {"schema": {"type": "string"}, "description": "Milliseconds of the stages."}},
            "content": {
                "application/json": {"schema": _JSON_ANSWER, "example": _EXAMPLE},
                "image/png": _BINARY,
                "application/x-npy": _BINARY,
            },
        },
        **_error_responses(*_ERRORS),
    },
}
MODEL: dict[str, Any] = {
    "responses": {
        "200": {
            "description": "Models by name with their classes and settings, and the limits of requests.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["default", "models", "limits"],
                        "properties": {
                            "default": {"type": "string"},
                            "models": {"type": "array", "items": {"type": "object"}},
                            "limits": {"type": "object"},
                        },
                    }
                }
            },
        },
        **_error_responses("401"),
    }
}


def openapi_document(app: FastAPI, *, needs_token: bool) -> dict[str, Any]:
    """The description of an application."""
    document = get_openapi(
        title="atrous",
        version=__version__,
        summary="Semantic segmentation of pictures.",
        routes=app.routes,
    )
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Error"] = _ERROR
    for path, responses in (("/metrics", _error_responses("401")), ("/readyz", _error_responses("503"))):
        document["paths"][path]["get"]["responses"].update(responses)
    document["paths"]["/metrics"]["get"]["responses"]["200"] = {
        "description": "Numbers by name.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    if needs_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    return document
