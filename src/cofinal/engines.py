"""Work spread over processes: joblib on this machine, or the same work on a Ray cluster."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cofinal.errors import CofinalError
from cofinal.extras import import_extra

ENGINES = ("local", "ray")
# Ray's back end gives its results only all together, so work goes to it in portions of this many
# for each worker: a kill then loses the record of one portion at most.
RAY_PORTION = 4


def side_by_side(
    function: Callable[..., Any],
    calls: Sequence[Iterable[Any]],
    workers: int,
    engine: str = "local",
) -> Iterator[Any]:
    """Yields `function(*call)` for each call as results come, in any order.

    Args:
        function: importable by name, so that a worker process finds it.
        calls: arguments; large arrays among them are shared between processes, not copied.
        workers: processes at a time.
        engine: "local" processes, or "ray": a cluster that `RAY_ADDRESS` names or that is there,
            else one embedded in this process.

    Raises:
        CofinalError: unknown engine, no worker, or Ray is not installed.
    """
    from joblib import Parallel, delayed

    if workers < 1:
        raise CofinalError(f"workers is {workers}; expected 1 or more")
    jobs = [delayed(function)(*call) for call in calls]
    with _engine(engine):
        if engine == "local":
            with warnings.catch_warnings():
                # joblib replaces workers whose memory has grown, and tells users who did nothing.
                warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
                # Shared arrays may be written to, which torch asks for; the writes stay private.
                yield from Parallel(
                    n_jobs=workers, return_as="generator_unordered", batch_size=1, mmap_mode="c"
                )(jobs)
            return
        portion = RAY_PORTION * workers
        for start in range(0, len(jobs), portion):
            yield from Parallel(n_jobs=workers, batch_size=1)(jobs[start : start + portion])


@contextmanager
def _engine(engine: str) -> Iterator[None]:
    if engine not in ENGINES:
        raise CofinalError(f"engine {engine!r} is unknown; use {' or '.join(ENGINES)}")
    if engine == "local":
        yield
        return
    from joblib import parallel_config

    import_extra("ray.util.joblib", "engine 'ray' needs Ray", "cluster").register_ray()
    with parallel_config(backend="ray"):
        try:
            yield
        except ConnectionError as error:
            raise CofinalError(
                f"the Ray cluster at {os.environ.get('RAY_ADDRESS', 'this machine')} cannot be "
                "reached; start it, correct RAY_ADDRESS, or unset it to use one inside this process"
            ) from error
