"""/docs: the description as a page for people, made here; it loads nothing from anywhere."""

import html
import json
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
STYLE: Final = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font-family: ui-monospace, monospace; font-size: .9em }
pre { overflow: auto; padding: .75rem; border: 1px solid #8884; border-radius: 6px }
section { border-top: 1px solid #8884; padding: .5rem 0 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #8882 }
.method { text-transform: uppercase; font-weight: 600 }
"""

router = APIRouter(include_in_schema=False)


@router.get("/docs", response_class=HTMLResponse)
async def docs(request: Request) -> Response:
    """Return the description as a page."""
    return HTMLResponse(page(request.app.openapi()))


def page(schema: dict[str, Any]) -> str:
    """Return an OpenAPI description as HTML."""
    sections = [
        _operation(method, path, operation)
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]
    shapes = [_shape(name, shape) for name, shape in sorted(schema["components"]["schemas"].items())]
    paragraphs = "".join(f"<p>{_text(part)}</p>" for part in schema["info"]["description"].split("\n\n"))
    title = html.escape(schema["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"<h1>{title} {html.escape(schema['info']['version'])}</h1>{paragraphs}"
        f'<p>The same for programs: <a href="/openapi.json">/openapi.json</a></p>'
        f"{''.join(sections)}<h2>Shapes</h2>{''.join(shapes)}</html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    parameters = "".join(
        f"<tr><td><code>{html.escape(each['name'])}</code></td><td>{each['in']}"
        f"{', required' if each.get('required') else ''}</td><td>{_kind(each['schema'])}</td>"
        f"<td>{_text(each.get('description') or each['schema'].get('description') or '')}</td></tr>"
        for each in operation.get("parameters", [])
    )
    answers = "".join(
        f"<tr><td>{status}</td><td>{_content(answer)}</td><td>{_text(answer['description'])}</td></tr>"
        for status, answer in sorted(operation["responses"].items())
    )
    return (
        f'<section><h3><span class="method">{method}</span> <code>{html.escape(path)}</code></h3>'
        f"<p>{_text(operation.get('description', ''))}</p>"
        + (f"<table>{parameters}</table>" if parameters else "")
        + (f"<p>Body: {_kind(body)}</p>" if body else "")
        + f"<details><summary>Answers</summary><table>{answers}</table></details></section>"
    )


def _shape(name: str, shape: dict[str, Any]) -> str:
    shown = html.escape(json.dumps(shape, indent=2))
    return (
        f'<details id="{html.escape(name)}"><summary><code>{html.escape(name)}</code></summary>'
        f"<pre>{shown}</pre></details>"
    )


def _content(answer: dict[str, Any]) -> str:
    return "; ".join(
        f"{html.escape(media_type)} {_kind(content.get('schema', {}))}"
        for media_type, content in answer.get("content", {}).items()
    )


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = html.escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}"><code>{name}</code></a>'
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    return f"<code>{html.escape(schema.get('format') or schema.get('type') or 'any')}</code>"


def _text(text: str) -> str:
    """Return a description as HTML, with what stands between backticks as code."""
    parts = html.escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


class Harmless:
    """Adds to every answer what keeps a browser from doing more with it than showing it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self._app(scope, receive, sending)
