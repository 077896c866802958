"""The HTTP interface as an OpenAPI 3.1 document, from the same tables by which requests are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jpegmend import __version__
from jpegmend.web.job import MEDIA_TYPES
from jpegmend.web.problems import CODES, MEDIA_TYPE
from jpegmend.web.query import FORM, JOB, RESTORATION, Parameter
from jpegmend.web.settings import Settings

Json = dict[str, Any]

_BINARY: Json = {"type": "string", "format": "binary"}
_BODY_CODES = (
    "invalid-option",
    "empty-body",
    "unknown-model",
    "missing-extra",
    "weights-missing",
    "slow-upload",
    "body-too-large",
    "too-large",
    "over-budget",
    "not-an-image",
    "unsupported-jpeg",
    "damaged-jpeg",
    "input-error",
    "output-error",
    "no-room",
    "decoder-stopped",
    "time-limit",
    "memory-limit",
    "queue-full",
    "internal",
    "worker-died",
    "shutting-down",
)
_GUARD_CODES = ("unauthorized", "cross-site", "wrong-host")


def document(settings: Settings) -> Json:
    """The OpenAPI document of a service with these settings."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jpegmend",
            "version": __version__,
            "summary": "Restores JPEG pictures that were compressed too hard.",
            "description": (
                f"Bodies of at most {settings.max_bytes:,} bytes, pictures of at most {settings.max_pixels:,} pixels, "
                f"{settings.seconds:g} s a job, {settings.queue} jobs waiting. Results of jobs are kept for "
                f"{settings.keep_seconds / 60:g} minutes. Errors are problem details (RFC 9457) with a `code`."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}] if settings.token else [],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": _PROBLEM, "Job": _JOB},
        },
    }


def _paths() -> Json:
    return {
        "/v1/restore": {"post": _restore("restore"), "put": _restore("restoreByPut")},
        "/v1/inspect": {"post": _inspect("inspect"), "put": _inspect("inspectByPut")},
        "/v1/models": {"get": _get("listModels", "The networks", _json("All networks", {"type": "object"}))},
        "/v1/formats": {
            "get": _get("listFormats", "The output formats", _json("All output formats", {"type": "object"}))
        },
        "/v1/jobs/{id}": {
            "parameters": [_ID],
            "get": _get("getJob", "State of a job", _json("The job", _ref("Job")), ("no-such-job",)),
            "delete": {
                "operationId": "deleteJob",
                "summary": "End a job's work and remove its files",
                "responses": {"204": {"description": "Removed"}, **_problems(("no-such-job",))},
            },
        },
        "/v1/jobs/{id}/events": {"parameters": [_ID], "get": _events()},
        "/v1/jobs/{id}/result": {"parameters": [_ID], "get": _result()},
        "/v1/jobs/{id}/decoded": {"parameters": [_ID], "get": _beside("getDecoded", "The picture as the file has it")},
        "/v1/jobs/{id}/change": {"parameters": [_ID], "get": _beside("getChange", "A map of the change")},
        "/v1/archive": {"get": _archive()},
        "/healthz": {"get": _plain("health", "Whether the process answers")},
        "/readyz": {
            "get": _plain("ready", "Whether a worker is ready and the service is not being stopped") | _NOT_READY
        },
        "/metrics": {"get": _plain("metrics", "Metrics for Prometheus", _problems(())) | {"security": [{"token": []}]}},
    }


def _inspect(name: str) -> Json:
    return {
        "operationId": name,
        "summary": "Say what a file is, without restoring it",
        "requestBody": _body(),
        "responses": {"200": _json("Facts of the file", {"type": "object"}), **_problems(_BODY_CODES)},
    }


def _result() -> Json:
    return {
        "operationId": "getResult",
        "summary": "The restored picture, in the form asked for or that of the job",
        "parameters": _query(FORM),
        "responses": {"200": _pictures("The picture"), **_RANGES, **_problems(_RESULT_CODES)},
    }


def _archive() -> Json:
    ids = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2000}
    archive = {"description": "The archive", "content": {"application/zip": {"schema": _BINARY}}}
    return {
        "operationId": "getArchive",
        "summary": "Results of several jobs as one ZIP file",
        "parameters": [{"name": "job", "in": "query", "required": True, "schema": ids}, *_query(FORM)],
        "responses": {"200": archive, **_problems(("invalid-option", "missing-extra", "no-such-job"))},
    }


def _restore(name: str) -> Json:
    answer = _pictures("The restored picture")
    answer["headers"] = {"Jpegmend-Report": {"description": "The report, as JSON", "schema": {"type": "string"}}}
    prefer = {
        "name": "Prefer",
        "in": "header",
        "description": "`respond-async`: answer 202 with a job at once (RFC 7240).",
        "schema": {"type": "string"},
    }
    location = {"Location": {"description": "The job", "schema": {"type": "string"}}}
    return {
        "operationId": name,
        "summary": "Restore a picture",
        "parameters": [prefer, *_query({**RESTORATION, **FORM, **JOB})],
        "requestBody": _body(),
        "responses": {
            "200": answer,
            "202": _json("The job", _ref("Job")) | {"headers": location, "links": _LINKS},
            **_problems(_BODY_CODES),
        },
    }


def _events() -> Json:
    last = {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "Only events after this one",
        "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    }
    stream = {"description": "Server-sent events", "content": {"text/event-stream": {}}}
    return {
        "operationId": "getEvents",
        "summary": "What happens to a job: queued, running, progress, done or failed; each with the job as data",
        "parameters": [last],
        "responses": {
            "200": stream,
            "204": {"description": "There will be no more"},
            **_problems(("invalid-option", "no-such-job")),
        },
    }


_RESULT_CODES = (*_BODY_CODES, "no-such-job", "not-ready")
_ID: Json = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_LINKS: Json = {
    name: {"operationId": name, "parameters": {"id": "$response.body#/id"}}
    for name in ("getJob", "deleteJob", "getEvents", "getResult", "getDecoded", "getChange")
}
_RANGES: Json = {
    "206": {"description": "The part of the file that a header `Range: bytes=FIRST-LAST` asks for"},
    "416": {"description": "That part begins beyond the end"},
}
_NOT_READY: Json = {
    "responses": {
        status: {"description": text, "content": {"text/plain": {"schema": {"type": "string"}}}}
        for status, text in (("200", "It would"), ("503", "It would not"))
    }
}
_PROBLEM: Json = {
    "type": "object",
    "description": "Problem details (RFC 9457)",
    "required": ["type", "code", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "code": {"type": "string", "enum": sorted(CODES)},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
_JOB: Json = {
    "type": "object",
    "required": ["id", "state", "name", "created", "links"],
    "properties": {
        "id": {"type": "string"},
        "state": {"type": "string", "enum": ["queued", "running", "done", "failed"]},
        "name": {"type": "string"},
        "created": {"type": "string", "format": "date-time"},
        "queued_before": {"type": "integer", "description": "Jobs before this one"},
        "progress": {
            "type": "object",
            "properties": {"done": {"type": "integer"}, "total": {"type": "integer"}},
            "description": "Tiles; with `pages=all` those of one page",
        },
        "report": {"type": "object", "description": "The fields of `Restored.report`, as docs/api.md describes them"},
        "not_kept": {"type": "array", "items": {"type": "string"}, "description": "What the format does not hold"},
        "change": {
            "type": "object",
            "properties": {"mean": {"type": "number"}, "largest": {"type": "integer"}, "shown": {"type": "integer"}},
            "description": "Difference to the decoded picture, levels of 0..255",
        },
        "result_name": {"type": "string"},
        "kept_seconds": {"type": "number", "description": "For which a done job is kept after it was last read"},
        "problem": {"$ref": "#/components/schemas/Problem"},
        "links": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(text: str, schema: Json) -> Json:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _pictures(text: str) -> Json:
    return {"description": text, "content": {kind: {"schema": _BINARY} for kind in MEDIA_TYPES.values()}}


def _body() -> Json:
    return {
        "required": True,
        "description": "The bytes of the file",
        "content": {"application/octet-stream": {"schema": _BINARY}, "image/jpeg": {"schema": _BINARY}},
    }


def _query(parameters: Mapping[str, Parameter]) -> list[Json]:
    return [
        {"name": name, "in": "query", "description": each.text, "schema": dict(each.schema)}
        for name, each in parameters.items()
    ]


def _get(name: str, text: str, answer: Json, codes: Sequence[str] = ("invalid-option",)) -> Json:
    return {"operationId": name, "summary": text, "responses": {"200": answer, **_problems(codes)}}


def _beside(name: str, text: str) -> Json:
    picture = {"description": text, "content": {"image/png": {"schema": _BINARY}}}
    codes = (*_BODY_CODES, "no-such-job", "not-ready", "not-found")
    return {"operationId": name, "summary": text, "responses": {"200": picture, **_RANGES, **_problems(codes)}}


def _plain(name: str, text: str, more: Json | None = None) -> Json:
    answer = {"description": text, "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {"operationId": name, "summary": text, "responses": {"200": answer, **(more or {})}, "security": []}


def _problems(codes: Sequence[str]) -> Json:
    """Responses for these codes and those of the guard, one for each status."""
    by_status: dict[int, list[str]] = {}
    for code in (*codes, *_GUARD_CODES):
        by_status.setdefault(CODES[code][0], []).append(code)
    return {
        str(status): {
            "description": "; ".join(f"`{code}`: {CODES[code][1]}" for code in found),
            "content": {MEDIA_TYPE: {"schema": _ref("Problem")}},
        }
        for status, found in sorted(by_status.items())
    }
