"""How many threads matrix products may use while models are fitted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock, Thread
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = Lock()
_under_way: list[Any] = []  # per fit what gives BLAS its threads back


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS use one thread inside this context, and until the last of several fits side by side has left it.

    The matrices of a fit are small and many: a thread per core, which is what numpy takes when it is imported before
    exlink, waits more than it works, and results would depend on the machine in their last digits.
    """
    with _lock:
        limit = _under_way[0] if _under_way else _elsewhere(lambda: _controller().limit(limits=1, user_api="blas"))
        _under_way.append(limit)
    try:
        yield
    finally:
        with _lock:
            _under_way.pop()
            if not _under_way:
                _elsewhere(limit.restore_original_limits)


def _elsewhere(do: Callable[[], Any]) -> Any:
    """Return what a call gives that is made in a thread of its own, which ends with it.

    The limit is one of the process, and threadpoolctl passes over the wishes of all threads but the one that set it
    last, in silence, as long as that one lives.
    """
    found: list[Any] = []
    thread = Thread(target=lambda: found.append(do()), name="blas-limit")
    thread.start()
    thread.join()
    return found[0]


@cache
def _controller() -> ThreadpoolController:
    # looking for the loaded libraries takes milliseconds, so it is done once, after numpy and scipy are loaded
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()


def _unlock() -> None:
    global _lock  # whoever held it is not in this process
    _lock = Lock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_unlock)
