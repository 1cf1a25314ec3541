"""Changes Streamlit's HTML page, which every address of the dashboard starts with.

Streamlit looks for its server below the address of the page first, `/courses/_stcore/health`, and
each miss is an error in the browser's console. It does not look when the page names the server.
"""

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SERVER = b"<script>window.__streamlit = { BACKEND_BASE_URL: location.origin + '/' }</script>"
CHANGES = (
    (b"<title>Streamlit</title>", b"<title>assay</title>" + SERVER),
    (b'<link rel="service-desc" href="./_stcore/agent/openapi.json" />', b""),
)


class _ChangeIndex:
    """Changes HTML responses; all others pass as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start: Message = {}
        body = bytearray()

        async def changed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_html(message):
                start = message
            elif not start:
                await send(message)
            else:
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    await _send_changed(start, bytes(body), send)

        # Only what is not compressed can be changed.
        headers = [(k, v) for k, v in scope["headers"] if k not in (b"accept-encoding", b"range")]
        await self.app({**scope, "headers": headers}, receive, changed)


def _is_html(message: Message) -> bool:
    return any(k == b"content-type" and v.startswith(b"text/html") for k, v in message["headers"])


async def _send_changed(start: Message, body: bytes, send: Send) -> None:
    for old, new in CHANGES:
        body = body.replace(old, new)
    headers = [(k, v) for k, v in start["headers"] if k != b"content-length"]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": body})


MIDDLEWARE = Middleware(_ChangeIndex)
