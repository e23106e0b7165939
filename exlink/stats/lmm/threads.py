"""How many threads matrix products may use while a model is fitted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from threading import Lock

from threadpoolctl import ThreadpoolController

_lock = Lock()
_inside: list[AbstractContextManager[object]] = []  # one entry per fit under way, the first of which set the limit


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS use one thread inside this context, and until the last of several fits side by side has left it.

    The matrices of a fit are small and many: a thread per core, which is what numpy takes when it is imported before
    exlink, waits more than it works, and results would depend on the machine in their last digits.
    """
    with _lock:
        limit = _inside[0] if _inside else _controller().limit(limits=1, user_api="blas")
        _inside.append(limit)
    try:
        yield
    finally:
        with _lock:
            _inside.pop()
            if not _inside:
                limit.restore_original_limits()


@cache
def _controller() -> ThreadpoolController:
    # looking for the loaded libraries takes milliseconds, so it is done once, after numpy and scipy are loaded
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()
