"""The engine of a journal's run as it stood before the journal's first record."""

from tectra.engine.parts import OUTPUT_MASK
from tectra.engine.pipeline import Pipeline
from tectra.engine.session import SessionSpec
from tectra.engine.snapshot import load_beginning
from tectra.journal.reader import JournalReader

__all__ = ["base_seq", "engine_at_beginning", "new_engine"]


def base_seq(reader: JournalReader) -> int:
    """The number before a journal's first record: 0, or the last one of what it continues."""
    files = reader.segment_files
    return files[0].head.base_ring_seq if files else 0


def new_engine(reader: JournalReader) -> Pipeline:
    """An engine before its first record, that captures its outputs and sends nothing. Classes are
    loaded anew: what a strategy keeps on its class is not carried over. JournalError where the
    strategies' code is not the one that ran.
    """
    spec = SessionSpec.from_journal(reader.session)
    classes = spec.load_classes(reader.path)
    return spec.make_pipeline(classes, capture_mask=OUTPUT_MASK, with_out_ring=False)


def engine_at_beginning(reader: JournalReader) -> Pipeline:
    """A new engine as it stood before the journal's first record: with the snapshot beside it
    where the journal continues another. JournalError also where that snapshot is gone.
    """
    pipeline = new_engine(reader)
    base = base_seq(reader)
    if base and reader.manifest is not None:
        epoch = int(reader.manifest.epoch, 16)
        load_beginning(pipeline, reader.path, epoch=epoch, base=base)
    return pipeline
