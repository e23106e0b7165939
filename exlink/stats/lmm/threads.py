"""How many threads matrix products may use while a model is fitted."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[object]:
    """Return a context in which BLAS uses one thread.

    The matrices of a fit are small and many: a thread per core, which is what numpy takes when it is imported before
    exlink, waits more than it works, and results would depend on the machine in their last digits.
    """
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    # looking for the loaded libraries takes milliseconds, so it is done once, after numpy and scipy are loaded
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()
