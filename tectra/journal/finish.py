"""The thread beside the writer: it has the next segment ready and finishes the full ones.

A full segment gets its digest, its tree and its place in the chain, its closing page, is cut behind
its last slot and synced; then the manifest says so. In order, one at a time. It owns the manifest
of an open journal. What the owner of the writer calls here says so.
"""

import errno
import logging
import os
import threading
from collections import deque

import msgspec

from tectra.journal.claim import Claim, remove_unfinished
from tectra.journal.commit import Commit
from tectra.journal.manifest import Manifest, SegmentEntry
from tectra.journal.mapped import MappedSegment, TreeRoom
from tectra.journal.merkle import CHAIN_START
from tectra.journal.options import GONE
from tectra.journal.reserve import Reserve
from tectra.journal.segment import segment_name

__all__ = ["Finisher"]

_LOG = logging.getLogger("tectra.journal")
_FULL_MAX = 16  # full segments that may wait before the writer does
_UNSYNCED_MAX = 64  # finished ones that keep a descriptor until they are synced
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Finisher:
    """Made with the first segment open; ends with end(), or abandon() where nobody closed.

    An error of the disk is kept and told where the writer asks for the next segment, or in the
    manifest (SegmentEntry.fault); it never ends the thread.
    """

    def __init__(
        self, claim: Claim, capacity: int, commit: Commit, reserve: Reserve, *, seal: bool
    ) -> None:
        self._claim = claim
        self._directory = claim.directory
        self._capacity = capacity
        self._commit = commit
        self._reserve = reserve
        self._chain = CHAIN_START if seal else None
        self._room = TreeRoom(capacity) if seal else None
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self.manifest: Manifest | None = None
        self._entries: list[SegmentEntry] = []
        self._faults: dict[int, str] = {}
        self._noted = False
        self._changes = self._listed = 0  # of the entries: how many, and how many are written
        self._opened = 0
        self._full: deque[MappedSegment] = deque()
        self._unsynced: deque[MappedSegment] = deque()
        self._next: MappedSegment | None = None
        self._wanted = True
        self._error: OSError | None = None
        self._crash: BaseException | None = None
        self._draining = self._ending = self._abandoned = False
        self._thread: threading.Thread | None = None
        self.low_space = False
        self.stalls = 0

    def start(self, manifest: Manifest) -> None:
        """Write the first manifest, synced, and begin. OSError."""
        self.manifest = msgspec.structs.replace(manifest, segments=list(self._entries))
        self._listed = self._changes
        self.save(self.manifest, sync=True)
        self._thread = threading.Thread(target=self._run, name="tectra-journal", daemon=True)
        self._thread.start()

    # ---- the owner of the writer ----

    def prepare(self) -> None:
        """Wait until the next segment is ready. OSError when it cannot be had."""
        with self._changed:
            self._ask()
            while self._next is None and self._error is None:
                self._wait()
            if self._next is None:
                self._raise_error()

    def take(self) -> MappedSegment:
        """The next segment; waits when it is not ready or too many full ones are not finished."""
        with self._changed:
            self._ask()
            late = self._next is None or len(self._full) >= _FULL_MAX
            self.stalls += late
            while (self._next is None and self._error is None) or len(self._full) >= _FULL_MAX:
                self._wait()
            if self._next is None:
                self._raise_error()
            found, self._next = self._next, None
            assert found is not None
            return found

    def opened(self, segment_id: int, base_ring_seq: int, full: MappedSegment | None) -> None:
        """The writer goes on in this segment and leaves `full` behind."""
        entry = SegmentEntry(
            segment_id=segment_id,
            file=segment_name(segment_id),
            closed=False,
            base_ring_seq=base_ring_seq,
        )
        with self._changed:
            self._opened = segment_id
            self._entries.append(entry)
            self._changes += 1
            self._wanted = True
            if full is not None:
                self._full.append(full)
        self._commit.post()

    def leave(self, full: MappedSegment) -> None:
        """The writer leaves the last segment behind."""
        with self._changed:
            self._full.append(full)
        self._commit.post()

    def drain(self) -> None:
        """Wait until everything that was left behind is finished and synced, and listed."""
        with self._changed:
            self._draining = True
            self._commit.post()
            while self._full or self._unsynced or self._listed != self._changes:
                self._wait()
            self._draining = False

    def end(self) -> Manifest:
        """Finish everything, end the thread, remove what was not used. The last manifest."""
        try:
            self.drain()
        finally:
            self._ending = True
            self._commit.post()
            if self._thread is not None:
                self._thread.join()
            self._clear_away()
        assert self.manifest is not None
        return self.manifest

    def _clear_away(self) -> None:
        """Remove what was not used; in a directory that is another's now nothing is ours."""
        if not self._claim.holds():
            if self._next is not None:
                self._next.close()
            return
        if self._next is not None:
            self._next.discard()
        self._reserve.discard()
        remove_unfinished(self._directory)

    def abandon(self) -> None:
        """End the thread and leave the files as after a crash."""
        if os.getpid() == self._pid:
            self._abandoned = self._ending = True
            self._commit.post()

    def scrap(self) -> None:
        """End the thread and remove what it made: the journal did not come to be."""
        self.abandon()
        if self._thread is not None:
            self._thread.join()
        self._clear_away()

    @property
    def faults(self) -> dict[int, str]:
        """Segments that could not be made durable or complete, with the reason."""
        return dict(self._faults)

    def save(self, manifest: Manifest, *, sync: bool) -> None:
        """Write a manifest, in the place kept for it when there is no other. OSError.

        Where records are acknowledged it is whole whatever happens: without it a journal is not
        read before it is repaired.
        """
        whole = self._commit.mode != "page-cache"
        self._claim.require()
        try:
            manifest.save(self._directory, sync=sync, whole=whole)
        except OSError as error:
            if error.errno not in _NO_SPACE or not self._reserve.give_up_spare():
                raise
            manifest.save(self._directory, sync=sync, whole=whole)

    def _ask(self) -> None:
        """Have the next segment made, once more if it could not be had before."""
        self._require()
        if self._next is None:
            self._wanted, self._error = True, None
            self._commit.post()

    def _wait(self) -> None:
        """For the thread to get on. In slices: what it died of must not hang the owner."""
        self._require()
        self._changed.wait(1.0)

    def _require(self) -> None:
        if self._crash is not None:
            raise self._crash
        if self._thread is None or not self._thread.is_alive():
            raise OSError(errno.ECHILD, os.strerror(errno.ECHILD))

    def _raise_error(self) -> None:
        assert self._error is not None
        raise OSError(self._error.errno, os.strerror(self._error.errno or 0))

    # ---- the thread ----

    def _run(self) -> None:
        seen = 0
        try:
            while not self._ending:
                seen = self._commit.await_post(seen)
                while not self._abandoned and self._turn():
                    pass
        except BaseException as error:  # noqa: BLE001  told to the owner, who waits for us
            _LOG.exception("the journal in %s cannot go on", self._directory)
            with self._changed:
                self._crash = error
                self._changed.notify_all()

    def _turn(self) -> bool:
        """One piece of work; False when there is none."""
        if self._commit.failed and not self._noted:
            self._note_failed()
        elif self._wanted and self._next is None and not self._ending:
            self._prepare()
        elif self._full:
            self._finish(self._full[0])
        elif self._unsynced and (self._draining or self._listed == self._changes):
            self._sync_oldest()
        elif self._listed != self._changes:
            self._list()
        else:
            return False
        with self._changed:
            self._changed.notify_all()
        return True

    def _prepare(self) -> None:
        """Make the next segment; where that fails, take one of the reserve and stop new orders."""
        made: MappedSegment | None = None
        failed: OSError | None = None
        path = self._directory / f"{segment_name(self._opened + 1)}.tmp"
        try:
            self._claim.require()
            made = MappedSegment(path, self._capacity)
            if self.low_space:
                self._reserve.fill()
                self.low_space = False
        except OSError as error:
            if made is None:
                made = self._reserve.take() if self._claim.holds() else None
                self._low(error)
                failed = error
        with self._changed:
            self._wanted = False
            self._next = made
            self._error = failed if made is None else None

    def _low(self, error: OSError) -> None:
        halted = self._commit.halt()
        self._commit.note(0, 0)
        self.low_space = True
        left = self._reserve.segments if self._claim.holds() else 0
        full = error.errno in _NO_SPACE
        _LOG.error(
            "%s the next segment of the journal in %s: %s; %s%s: %s",
            "no room for" if full else "cannot make",
            self._directory,
            os.strerror(error.errno or 0),
            "orders are stopped, " if halted else "",
            f"the reserve has {left} more" if self._reserve.wanted else "there is no reserve",
            "free disk space"
            if full
            else GONE
            if error.errno == errno.ENOENT
            else "check the disk",
        )

    def _finish(self, segment: MappedSegment) -> None:
        self._commit.settled(segment.segment_id)
        fields, failed, closed = segment.finish(self._chain, self._room)
        if self._chain is not None:
            self._chain = bytes.fromhex(fields["chain"])
        if failed:
            self._commit.fail(failed, segment.segment_id)
            self._fault(segment.segment_id, failed, "its end could not be written")
        some = fields["records"] > 0
        entry = SegmentEntry(
            segment_id=segment.segment_id,
            file=segment_name(segment.segment_id),
            closed=closed,
            base_ring_seq=fields["base_ring_seq"],
            slots=fields["used"],
            records=fields["records"],
            first_ring_seq=fields["first_ring_seq"] if some else None,
            last_ring_seq=fields["last_ring_seq"] if some else None,
            digest=fields["digest"],
            merkle_root=fields["merkle_root"] if self._chain is not None else None,
            chain=fields["chain"] if self._chain is not None else None,
            fault=self._faults.get(segment.segment_id),
        )
        with self._changed:
            self._full.popleft()
            self._entries[segment.segment_id - 1] = entry
            self._changes += 1
            self._unsynced.append(segment)
        while len(self._unsynced) > _UNSYNCED_MAX:
            self._sync_oldest()

    def _sync_oldest(self) -> None:
        """Sync a finished file. One whose sync failed is not asked again."""
        segment = self._unsynced[0]
        if segment.segment_id not in self._faults:
            seq = segment.last_ring_seq
            failed = self._commit.sync(segment.fd, segment.segment_id, seq)
            if failed:
                self._fault(segment.segment_id, failed, "sync failed")
        segment.close()
        with self._changed:
            self._unsynced.popleft()

    def _note_failed(self) -> None:
        """A sync failed in another thread."""
        self._noted = True
        self._fault(self._commit.failed_segment, self._commit.failed, "sync failed")

    def _fault(self, segment_id: int, error: int, what: str) -> None:
        if segment_id in self._faults:
            return
        self._noted = True
        text = f"{what}: {os.strerror(error)}; durable up to ring_seq {self._commit.durable}"
        self._commit.note(error, self._commit.durable)
        _LOG.error(
            "%s in %s: %s. Nothing behind that is acknowledged any more and orders are stopped: "
            "check the disk and begin a new run",
            segment_name(segment_id), self._directory, text,
        )  # fmt: skip
        with self._changed:
            self._faults[segment_id] = text
            entry = self._entries[segment_id - 1]
            self._entries[segment_id - 1] = msgspec.structs.replace(entry, fault=text)
            self._changes += 1

    def _list(self) -> None:
        """Write the manifest. One that cannot be written lags behind the segments."""
        assert self.manifest is not None
        with self._changed:
            changes = self._changes
            self.manifest = msgspec.structs.replace(self.manifest, segments=list(self._entries))
        try:
            self.save(self.manifest, sync=False)
        except OSError as error:
            _LOG.warning(
                "the manifest in %s cannot be written: %s", self._directory, error.strerror
            )
        with self._changed:  # not before: who drains may read the manifest as soon as this is said
            self._listed = changes
