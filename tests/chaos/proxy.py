"""A TCP proxy that can do to connections what networks do: refuse them, swallow them, slow them, lose the answers."""

import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from enum import Enum, auto

from oddline.local.state import LOOPBACK, choose_port

SLOWNESS_S = 30.0
CHUNK_BYTES = 65_536


class Mode(Enum):
    """What becomes of connections."""

    OPEN = auto()
    REFUSING = auto()
    """New ones are refused, those that stand are cut."""
    BLACK_HOLE = auto()
    """Packets vanish: new ones get no answer, those that stand stay silent until it is over."""
    SLOW = auto()
    """Each answer comes half a minute late."""
    ANSWERLESS = auto()
    """What is asked arrives and is done, and nobody learns of it."""


class Proxy:
    """Listens on `port` and passes on to the port of this machine that `target` tells at each connection."""

    def __init__(self, target: Callable[[], int]) -> None:
        self.port = choose_port(0)
        self._target = target
        self._mode = Mode.OPEN
        self._changed = threading.Condition()
        self._connections: set[socket.socket] = set()
        self._blocked = ExitStack()
        self._listen()

    def set(self, mode: Mode) -> None:
        """Change over: the listening socket first, then the connections that stand."""
        with self._changed:
            before, self._mode = self._mode, mode
            self._changed.notify_all()
        if mode in {Mode.REFUSING, Mode.BLACK_HOLE}:
            self._close_listener()
        if mode is Mode.BLACK_HOLE:
            self._fill_queue()
        if mode is Mode.REFUSING or before is Mode.ANSWERLESS:
            self._cut()
        if mode is Mode.OPEN and before in {Mode.REFUSING, Mode.BLACK_HOLE}:
            self._blocked.close()
            self._listen()

    def close(self) -> None:
        """End it and all connections."""
        self.set(Mode.REFUSING)
        self._blocked.close()

    def _listen(self) -> None:
        self._listener = socket.create_server((LOOPBACK, self.port), backlog=128)
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def _close_listener(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes up who accepts
        self._listener.close()

    def _fill_queue(self) -> None:
        """Listen with a queue that is full, so that a new connection gets no answer at all."""
        listening = self._blocked.enter_context(socket.socket())
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, self.port))
        listening.listen(0)
        for _ in range(3):
            filling = self._blocked.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(listening.getsockname())

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # it was closed
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((LOOPBACK, self._target()), timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        self._connections |= {client, server}
        threading.Thread(target=self._pump, args=[server, client], kwargs={"answers": True}, daemon=True).start()
        self._pump(client, server, answers=False)

    def _pump(self, source: socket.socket, sink: socket.socket, *, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if self._lets_pass(answers=answers):
                    sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
            self._connections.discard(one)

    def _lets_pass(self, *, answers: bool) -> bool:
        """Whether what came may go on, after the wait that the mode brings."""
        with self._changed:
            self._changed.wait_for(lambda: self._mode is not Mode.BLACK_HOLE)
            if answers and self._mode is Mode.SLOW:
                self._changed.wait_for(lambda: self._mode is not Mode.SLOW, SLOWNESS_S)
            return not (answers and self._mode is Mode.ANSWERLESS)

    def _cut(self) -> None:
        for one in tuple(self._connections):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
