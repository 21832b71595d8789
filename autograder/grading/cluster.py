"""Judging on a Dask cluster: the same as :mod:`autograder.grading.pool`, on other machines.

Dask moves functions and their arguments as pickles: whoever may connect to the scheduler may run anything as the user
of any worker, and whoever runs the scheduler or a worker may run anything as the instructor. So a cluster is for
machines that trust each other, on loopback, a network of their own, or with TLS certificates. What a *learner* hands
in is never pickled code: it goes as bytes and comes back as JSON text, which is checked like a stranger's.
"""

from __future__ import annotations

import itertools
import json
import logging
import queue
import re
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any, Final

from autograder.errors import ManyHandsError
from autograder.grading.judging import Judge, OursError, Task
from autograder.grading.pool import Result
from autograder.grading.worker import answer, made_of

TRIES: Final = 3
"""A task that fails on so many workers is given up."""
_CONNECT_SECONDS: Final = 10
_LOOK_SECONDS: Final = 2.0
"""How often workers that came, went or hang are looked for while nothing happens."""
_ALONE_SECONDS: Final = 60.0
"""How long a cluster may be without any worker before we stop waiting."""
_TLS: Final = (
    "start one with --protocol tls, and name the certificates here, too: DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "
    "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and …__CLIENT__KEY"
)

Say = Callable[[str], None]


def judge_all(
    count: int, load: Callable[[int], Task], address: str, ask: Judge, labs: Sequence[str], say: Say
) -> Iterator[Result]:
    """Judge the tasks 0 … ``count`` - 1 on the workers of the Dask scheduler at ``address``; yields as they come.

    ``load`` makes a task when its turn comes; what it raises is that task's result. ``labs`` are the slugs that the
    tasks may be of. A worker that dies or cannot judge costs nothing: its tasks go to others, at most :data:`TRIES`
    times. One that is made of another version gets none. ``say`` is told what the instructor should know.

    Raises:
        ManyHandsError: no scheduler answers, it went away, or there is no worker that could judge.
    """
    cluster = _Cluster(address, ask, labs, say)
    try:
        yield from cluster.judge(count, load)
    except (OSError, TimeoutError, CancelledError) as error:  # Dask's, of whatever it was just doing
        raise _gone(address, error) from error
    finally:
        cluster.close()


def _gone(address: str, why: object) -> ManyHandsError:
    remedy = "start it again, then run the same command: what was judged is kept"
    return ManyHandsError("the scheduler went away", where=address, why=" ".join(str(why).split())[:300], remedy=remedy)


class _Cluster:
    """A connection to a scheduler, and what is known about its workers."""

    def __init__(self, address: str, ask: Judge, labs: Sequence[str], say: Say) -> None:
        self._address = _checked(address)
        self._ask, self._say = ask, say
        self._expected = {lab: made_of(lab) for lab in labs}
        self._refused: set[str] = set()
        self._running: dict[Any, int] = {}
        self._ended: queue.Queue[Any] = queue.Queue()
        self._where: dict[Any, frozenset[str]] = {}
        """The workers a future is restricted to, if it is."""
        self._failed_on: dict[int, dict[str, str]] = {}
        self._numbers = itertools.count()
        self._run = uuid.uuid4().hex[:12]
        self._client = _connect(self._address)
        try:
            self._meet()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Take back what is under way and leave the cluster as it was."""
        if self._running:
            self._client.cancel(list(self._running), force=True)
        self._client.close(timeout=5)

    def judge(self, count: int, load: Callable[[int], Task]) -> Iterator[Result]:
        """See :func:`judge_all`."""
        todo = deque(range(count))
        alone_since: float | None = None
        while todo or self._running:
            workers = self._workers()
            alone_since = None if workers else (alone_since or time.monotonic())
            if alone_since is not None and time.monotonic() - alone_since > _ALONE_SECONDS:
                raise ManyHandsError(
                    "all workers are gone",
                    where=self._address,
                    remedy="start some, then run the same command: what was judged is kept",
                )
            while todo and len(self._running) < 2 * max(1, sum(workers.values())):
                index = todo.popleft()
                try:
                    task = load(index)
                except Exception as error:  # whatever is wrong with this one, it stops nobody else
                    yield index, error
                else:
                    self._submit(index, task)
            for future in self._done():
                index = self._running.pop(future)
                self._where.pop(future, None)
                result = self._result(future, index)
                if result is None:
                    todo.appendleft(index)
                else:
                    self._failed_on.pop(index, None)
                    yield result
            todo.extendleft(self._stranded(workers))

    def _meet(self) -> None:
        """Ask every worker what it is made of; leave those out that are made of something else."""
        for lab, expected in self._expected.items():
            told = self._client.run(made_of, lab, on_error="return")
            for worker, mine in sorted(told.items()):
                if mine != expected and worker not in self._refused:
                    self._refuse(worker, mine if isinstance(mine, str) else f"{type(mine).__name__}: {mine}", expected)
        if self._client.nthreads():
            self._workers()
        else:
            self._say(f"{self._address} has no worker yet; waiting for one")

    def _refuse(self, worker: str, mine: str, expected: str) -> None:
        self._refused.add(worker)
        self._say(
            f"{worker} is left out: it has another version of Many Hands or of the lab ({mine[:200]}, here {expected})"
        )

    def _workers(self) -> dict[str, int]:
        """Address → threads of each worker that may judge; empty when none is there at all."""
        everybody: dict[str, int] = self._client.nthreads()
        able = {worker: threads for worker, threads in everybody.items() if worker not in self._refused}
        if everybody and not able:
            raise ManyHandsError(
                "no worker has the version of Many Hands and of the lab that is here",
                where=self._address,
                why="they would judge by other rules",
                remedy="install the same version on the workers (or build their image again), and restart them",
            )
        return able

    def _submit(self, index: int, task: Task) -> None:
        avoid = self._refused | self._failed_on.get(index, {}).keys()
        allowed = frozenset(self._client.nthreads()) - avoid if avoid else frozenset()
        future = self._client.submit(
            answer,
            self._ask,
            task,
            self._expected[task.lab],
            key=f"manyhands-{self._run}-{next(self._numbers)}",
            workers=sorted(allowed) or None,
            pure=False,
        )
        self._running[future] = index
        future.add_done_callback(self._ended.put)
        if allowed:
            self._where[future] = allowed

    def _done(self) -> Iterator[Any]:
        """The futures that ended since the last look; waits a little for the first."""
        found: list[Any] = []
        try:
            found.append(self._ended.get(timeout=_LOOK_SECONDS))
            while True:
                found.append(self._ended.get_nowait())
        except queue.Empty:
            pass
        return (future for future in found if future in self._running)  # not those that were taken back

    def _result(self, future: Any, index: int) -> Result | None:
        """What became of a task, or None when it is to be tried again."""
        from distributed import KilledWorker

        if future.status == "cancelled":
            raise _gone(self._address, "a task is cancelled")
        if future.status == "lost":
            return None  # its worker went when it had judged, before the answer was fetched
        error = future.exception() if future.status == "error" else None
        if isinstance(error, KilledWorker):
            return index, OursError("the workers that judged it died each time", why="perhaps too little memory")
        worker, why = "", f"{type(error).__name__}: {error}"
        if error is None:
            try:
                said = json.loads(_text(future.result(timeout=_CONNECT_SECONDS)))
                worker = str(said["worker"])
                if isinstance(said.get("verdicts"), list):
                    return index, said["verdicts"]
                if "other" in said:
                    if worker not in self._refused:
                        self._refuse(worker, str(said["other"]), "another")
                    return None
                why = str(said["failed"])
            except (ValueError, TypeError, KeyError) as odd:
                why = f"a worker gave no answer that can be read: {odd}"
            except TimeoutError:
                return None  # its worker went before the answer was fetched
        return self._try_again(index, worker or f"unknown {len(self._failed_on.get(index, {}))}", why)

    def _try_again(self, index: int, worker: str, why: str) -> Result | None:
        failed = self._failed_on.setdefault(index, {})
        failed[worker] = why
        others = self._workers().keys() - failed.keys()
        if len(failed) < TRIES and others:
            return None
        return index, OursError(why.splitlines()[0], where=", ".join(failed), why="\n".join(why.splitlines()[1:]))

    def _stranded(self, workers: dict[str, int]) -> list[int]:
        """Take back tasks that only workers may judge who are gone."""
        gone = [future for future, allowed in self._where.items() if not allowed & workers.keys()]
        if not gone or not workers:
            return []
        self._client.cancel(gone)
        for future in gone:
            del self._where[future]
        return [self._running.pop(future) for future in gone]


def _checked(address: str) -> str:
    full = address if "://" in address else f"tcp://{address}"
    if not re.fullmatch(r"(tcp|tls)://(\[[0-9a-fA-F:]+\]|[^\s/:]+):\d{1,5}", full):
        raise ManyHandsError(
            f"{address!r} is no address of a Dask scheduler",
            remedy="give it as tcp://HOST:PORT, or tls://HOST:PORT with certificates; the port is usually 8786",
        )
    return full


def _connect(address: str) -> Any:
    import distributed

    connect: Any = distributed.Client  # it carries no types
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is said in our own words
    try:
        return connect(address, timeout=_CONNECT_SECONDS, set_as_default=False, name="manyhands-grade")
    except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
        raise ManyHandsError(
            "no Dask scheduler answers",
            where=address,
            why=" ".join(str(error).split())[:300],
            remedy=_TLS if address.startswith("tls:") else "start one: .venv/bin/dask scheduler --host 127.0.0.1",
        ) from error


def _text(said: object) -> str:
    if not isinstance(said, str):
        raise TypeError(f"it is a {type(said).__name__}")
    return said
