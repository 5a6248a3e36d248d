"""Run the application until a signal, and answer what was accepted before ending."""

import asyncio
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from atrous.errors import InputError, reason
from atrous.serving.service import Service


class _Server(uvicorn.Server):
    """A server whose end after a signal is an ordinary one."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Drain at the first interrupt or termination, end at once at the second."""
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._service.draining = True
        self.force_exit = self.should_exit
        self.should_exit = True


def run(
    app: FastAPI, service: Service, *, listener: socket.socket, on_ready: Callable[[str], None] | None = None
) -> None:
    """Serve until SIGTERM or an interrupt; then requests that were accepted are answered, and the function returns.

    Args:
        app: The application.
        service: Its service, which is closed at the end.
        listener: Socket that `listen` has opened.
        on_ready: Called with the address of the page once connections are accepted.
    """
    config = uvicorn.Config(
        app,
        http="h11",  # parsers and loops that happen to be installed have other limits
        loop="asyncio",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=round(service.limits.deadline),
        h11_max_incomplete_event_size=2**16,
    )
    server = _Server(config, service)

    async def serve() -> None:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        if server.started and on_ready is not None:
            on_ready(_address(listener))
        await task

    try:
        asyncio.run(serve())
    finally:
        service.close()


def listen(host: str, port: int) -> socket.socket:
    """Open a socket for connections; before models are loaded, so that a wrong address costs no time.

    Args:
        host: Address to listen at.
        port: Port, 0..65535; 0 takes a free one.

    Raises:
        InputError: If the address cannot be listened at.
    """
    if not 0 <= port <= 65535:
        raise InputError(f"--port {port} is no port; choose 1 to 65535, or 0 for any that is free")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except (OSError, OverflowError, UnicodeError) as error:
        raise InputError(f"cannot listen at {host}:{port}: {reason(error)}; choose another --host or --port") from error
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"
