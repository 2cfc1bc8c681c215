"""A lease on a store: one run writes at a time, and the lease of a dead run ends by itself.

It is a Delta Lake table of one row, always written anew. Of two that write after reading the same version one
fails (optimistic concurrency, without the retries delta-rs makes otherwise): that is the whole protocol."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from tdm_ray.errors import BusyError
from tdm_ray.records import INSTANT
from tdm_ray.storage import join
from tdm_ray.store.tables import dataset_of, options

LASTS_S = 300.0  # after which a run that does not renew it is taken for dead
_BOOT = "/proc/sys/kernel/random/boot_id"
_LEASE = pa.schema([("run_id", pa.string()), ("holder", pa.string()), ("until", INSTANT)])


class Lease:
    """The lease that a run holds; `check` before anything is written that another run could write too."""

    def __init__(self, root: str, run_id: str, lasts_s: float) -> None:
        self._place = join(root, "lease")
        self._options = options(root)
        self._run_id = run_id
        self._lasts = lasts_s
        self._holder = f"{_machine()}:{os.getpid()}"
        self._lock = threading.Lock()
        self._until = datetime.min.replace(tzinfo=UTC)

    def take(self) -> None:
        """Take it. Raises `BusyError` where another run holds it."""
        table = self._table()
        if table is not None:
            held = self._row(table)
            if held["until"] > datetime.now(UTC) and not _dead(held["holder"]):
                raise BusyError(_busy(self._place, held["run_id"], held["holder"], held["until"]))
        self._write(table)

    def check(self) -> None:
        """Renew it. Raises `BusyError` where it ended meanwhile and another run took it."""
        with self._lock:
            table = self._table()
            held = self._row(table) if table else {"run_id": None}
            if held["run_id"] != self._run_id:
                raise BusyError(
                    f"{self._place}: lost to run {held['run_id']}, since it was not renewed in time"
                )
            self._write(table)

    def give_back(self) -> None:
        """End it, where it is still held."""
        # Where it cannot be given back it ends by itself; what the run did, or its error, is what counts.
        with suppress(BusyError, DeltaError, OSError), self._lock:
            table = self._table()
            if table and self._row(table)["run_id"] == self._run_id:
                self._lasts = 0
                self._write(table)
                table.vacuum(retention_hours=1, enforce_retention_duration=False, dry_run=False)

    def keep(self, stop: threading.Event) -> None:
        """Renew it until `stop`, three times in the time that it lasts; errors of the storage are ignored."""
        while not stop.wait(self._lasts / 3):
            with suppress(BusyError, DeltaError, OSError):
                self.check()

    def _table(self) -> DeltaTable | None:
        try:
            return DeltaTable(self._place, storage_options=self._options)
        except TableNotFoundError:
            return None

    def _row(self, table: DeltaTable) -> dict[str, Any]:
        row: dict[str, Any] = dataset_of(table, self._place).to_table().to_pylist()[0]
        return row

    def _write(self, last_read: DeltaTable | None) -> None:
        until = datetime.now(UTC) + timedelta(seconds=self._lasts)
        row = pa.Table.from_pylist(
            [{"run_id": self._run_id, "holder": self._holder, "until": until}], schema=_LEASE
        )
        once = CommitProperties(max_commit_retries=0)
        try:
            if last_read is None:
                write_deltalake(
                    self._place, row, mode="error", storage_options=self._options, commit_properties=once
                )
            else:
                write_deltalake(last_read, row, mode="overwrite", commit_properties=once)
        except DeltaError as error:
            if not isinstance(error, CommitFailedError) and "already exists" not in str(error):
                raise
            current = self._table()
            if (
                current is None or self._row(current)["run_id"] != self._run_id
            ):  # else the answer to our own commit was lost
                raise BusyError(f"{self._place}: another run took it at the same moment") from None


@contextmanager
def lease(root: str, run_id: str, *, lasts_s: float = LASTS_S) -> Iterator[Lease]:
    """Hold the lease of a store while the body runs. Raises `BusyError` where another run holds it."""
    held = Lease(root, run_id, lasts_s)
    held.take()
    stop = threading.Event()
    thread = threading.Thread(target=held.keep, args=(stop,), daemon=True)
    thread.start()
    try:
        yield held
    finally:
        stop.set()
        thread.join(timeout=lasts_s)
        held.give_back()


def _machine() -> str:
    """A name for this boot of this machine and its process-id namespace: containers have their own."""
    if not os.path.exists(_BOOT):
        return socket.gethostname()
    with open(_BOOT) as file:
        return f"{socket.gethostname()}/{file.read().strip()}/{os.readlink('/proc/self/ns/pid')}".replace(
            ":", ""
        )


def _dead(holder: str) -> bool:
    """Whether that process ran on this machine and has ended; of other machines that cannot be known."""
    machine, _, process = holder.rpartition(":")
    if machine != _machine():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it is there, and another user's
        pass
    return False


def _busy(place: str, run_id: str, holder: str, until: datetime) -> str:
    left = max(0, (until - datetime.now(UTC)).total_seconds())
    return f"{place}: run {run_id} ({holder}) is at work; should it be dead, its lease ends in {left:.0f} s"
