"""How many threads matrix products may use while models are fitted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from threading import Lock

from threadpoolctl import ThreadpoolController

_lock = Lock()
_limit = ExitStack()  # holds the limit while any fit is under way
_under_way: list[None] = []  # one entry per fit
# The limit is one of the process, and threadpoolctl lets the thread that set one first change it, while others' wishes
# are passed over in silence. So one thread, which does nothing else, sets it for all.
_keeper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="blas-limit")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS use one thread inside this context, and until the last of several fits side by side has left it.

    The matrices of a fit are small and many: a thread per core, which is what numpy takes when it is imported before
    exlink, waits more than it works, and results would depend on the machine in their last digits.
    """
    with _lock:
        if not _under_way:
            _keeper.submit(_set).result()
        _under_way.append(None)
    try:
        yield
    finally:
        with _lock:
            _under_way.pop()
            if not _under_way:
                _keeper.submit(_limit.close).result()


def _set() -> None:
    _limit.enter_context(_controller().limit(limits=1, user_api="blas"))


@cache
def _controller() -> ThreadpoolController:
    # looking for the loaded libraries takes milliseconds, so it is done once, after numpy and scipy are loaded
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()
