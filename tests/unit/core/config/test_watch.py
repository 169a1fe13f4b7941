"""Hot reload: edits that hold, edits that do not, editors at work, and the journal of changes."""

import json
import os
from decimal import Decimal

import pytest

from tectra.core.clock import FakeClock
from tectra.core.config.change import Change, changes_between, key_at, read_changes, to_records
from tectra.core.config.load import flatten, load_config
from tectra.core.config.section import Config
from tectra.core.config.watch import ConfigWatcher, WatchOptions
from tectra.core.errors import ConfigError, TruncatedInputError
from tectra.core.record import decode, iter_records
from tectra.core.ring import SpscRing
from tectra.journal import JournalReader, JournalWriter

BASE = """mode = "paper"
[risk]
max_account_risk = 0.02
max_order_qty = 5
[recorder]
flush_interval_ms = 100
"""


class Scene:
    """A watched file, a clock that stands still, and what the watcher told."""

    def __init__(self, path, text=BASE, **options) -> None:
        self.path = path
        self.environ: dict[str, str] = {}
        self.records: list[bytes] = []
        self.faults: list[ConfigError] = []
        self.clock = FakeClock(1_000_000_000)
        path.write_text(text)
        self.watcher = ConfigWatcher(
            path,
            self.clock,
            options=WatchOptions(environ=self.environ, operator="alice", operator_id=7, **options),
            on_change=self.records.extend,
            on_fault=self.faults.append,
        )

    def look(self, times=3) -> int:
        done = 0
        for _ in range(times):
            self.clock.advance(250_000_000)
            done += self.watcher.do_work()
        return done

    def edit(self, old, new) -> int:
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))
        return self.look()

    @property
    def changes(self):
        return list(read_changes(map(decode, self.records)))


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path / "c.toml")


def test_an_edit_is_seen_and_told(scene):
    before = scene.watcher.config
    assert scene.edit("max_order_qty = 5", "max_order_qty = 4.5") == 1
    assert scene.watcher.config.risk.max_order_qty == Decimal("4.5")
    assert before.risk.max_order_qty == 5, "who holds the old values keeps them whole"
    assert scene.watcher.revision == 1
    assert scene.changes == [
        {"path": "risk.max_order_qty", "old": "5", "new": "4.5", "operator": "alice",
         "revision": 1, "operator_id": 7}
    ]  # fmt: skip
    assert scene.watcher.loaded.origin_of(("risk", "max_order_qty")).line == 4
    assert not scene.faults


def test_nothing_happens_without_an_edit(scene):
    assert scene.look(20) == 0
    os.utime(scene.path)
    assert scene.look() == 0
    scene.path.write_text(BASE + "# a comment\n")
    assert scene.look() == 1
    assert (scene.watcher.revision, scene.records, scene.faults) == (0, [], [])


def test_no_look_before_the_interval_is_over(scene):
    scene.look(1)
    scene.path.write_text(BASE.replace("5", "6"))
    for _ in range(10):
        scene.clock.advance(10_000_000)
        assert scene.watcher.do_work() == 0
    assert scene.look() == 1


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("max_order_qty = -1", "c.toml:4: risk.max_order_qty: found -1; allowed: number, 0 to"),
        ("max_order_qty = nan", "found nan"),
        ("max_ordr_qty = 5", "did you mean max_order_qty?"),
        ("max_order_qty = ", "found Invalid value"),
        (
            "max_order_qty = 5\nmax_order_qty = 6",
            "c.toml:5: risk.max_order_qty: found the key twice",
        ),
    ],
)
def test_an_invalid_edit_keeps_every_old_value_and_is_told_once(scene, new, words):
    held = scene.watcher.config
    text = scene.path.read_text().replace("flush_interval_ms = 100", "flush_interval_ms = 200")
    scene.path.write_text(text.replace("max_order_qty = 5", new))
    assert scene.look(10) == 1
    assert scene.watcher.config is held, "not the good half of a bad edit either"
    assert len(scene.faults) == 1 and words in str(scene.faults[0])
    assert not scene.records
    scene.path.write_text(text)
    assert scene.look() == 1
    assert scene.watcher.config.recorder.flush_interval_ms == 200
    assert len(scene.faults) == 1


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("[cpu]\nstrategy = 3", "cpu.strategy"),
        ("[control]\nport = 8081", "control.port"),
        ("[rings]\norders_slots = 128", "rings.orders_slots"),
        ('[[strategies]]\nname = "a"\nscript = "a.py"', "strategies"),
        ('[directories]\ndata = "elsewhere"', "directories.data"),
    ],
)
def test_keys_that_cannot_change_are_named(scene, line, path):
    scene.path.write_text(BASE.replace("= 5", "= 6") + line + "\n")
    assert scene.look() == 1
    said = str(scene.faults[0])
    assert path in said and "no change while an engine runs" in said
    assert scene.watcher.config.risk.max_order_qty == 5 and not scene.records


def test_the_mode_cannot_change(scene):
    assert scene.edit('mode = "paper"', 'mode = "backtest"') == 1
    assert "c.toml:1: mode: found another value" in str(scene.faults[0])
    assert scene.watcher.config.mode == "paper"


def test_an_editor_that_renames(scene, tmp_path):
    for qty in (6, 7):
        fresh = tmp_path / ".c.toml.swp"
        fresh.write_text(BASE.replace("= 5", f"= {qty}"))
        fresh.rename(scene.path)
        assert scene.look() == 1
        assert scene.watcher.config.risk.max_order_qty == qty
    assert scene.watcher.revision == 2


def test_a_file_that_is_gone_for_a_while(scene):
    scene.path.unlink()
    assert scene.look(10) == 1
    assert "no file" in str(scene.faults[0])
    assert scene.watcher.config.risk.max_order_qty == 5
    scene.path.write_text(BASE.replace("= 5", "= 6"))
    assert scene.look() == 1
    assert scene.watcher.config.risk.max_order_qty == 6


def test_half_a_file_is_not_taken(scene):
    """Every prefix of the new text may be what a look finds; the writer goes on before the next."""
    text = BASE.replace("= 5", "= 6")
    for end in range(len(text)):
        scene.path.write_text(text[:end])
        assert scene.look(1) == 0
        assert scene.watcher.config.risk.max_order_qty == 5
    scene.path.write_text(text)
    assert scene.look() == 1
    assert scene.watcher.config.risk.max_order_qty == 6
    assert not scene.faults


@pytest.mark.parametrize("text", ["", "\n", "   \n\n"])
def test_an_emptied_file_does_not_reset_limits(scene, text):
    scene.path.write_text(text)
    assert scene.look(5) == 1
    assert "an empty file" in str(scene.faults[0])
    assert scene.watcher.config.risk.max_order_qty == 5


def test_bytes_that_are_no_text(scene):
    scene.path.write_bytes(b"\xff\xfe\x00")
    assert scene.look(5) == 1 and len(scene.faults) == 1


def test_variables_are_watched_too(scene):
    scene.environ["TECTRA_RISK__MAX_ORDER_QTY"] = "9"
    assert scene.look() == 1
    assert scene.watcher.config.risk.max_order_qty == 9
    scene.environ["TECTRA_RISK__MAX_ORDR_QTY"] = "9"
    assert scene.look() == 1
    assert "TECTRA_RISK__MAX_ORDR_QTY" in str(scene.faults[0])


def test_secrets_in_variables_are_not_kept(scene):
    scene.environ["TECTRA_CONTROL_TOKEN"] = "c4nary"
    assert scene.look() == 0
    kept = {k: v for k, v in vars(scene.watcher).items() if k != "_options"}
    assert "c4nary" not in repr(kept)


def test_faults_are_logged_where_nobody_asks(tmp_path, caplog):
    path = tmp_path / "c.toml"
    path.write_text(BASE)
    clock = FakeClock(1)
    watcher = ConfigWatcher(path, clock, options=WatchOptions(environ={}))
    path.write_text(BASE.replace("= 5", "= -5"))
    for _ in range(9):
        clock.advance(250_000_000)
        watcher.do_work()
    assert [r.levelname for r in caplog.records] == ["ERROR"]
    assert "c.toml:4: risk.max_order_qty: found -5" in caplog.text


def test_what_was_told_is_told_before_it_holds(scene):
    seen = []
    scene.watcher._on_change = lambda _: seen.append(scene.watcher.config.risk.max_order_qty)
    scene.edit("= 5", "= 6")
    assert seen == [5]


def test_a_journal_that_refuses_leaves_the_old_values(scene):
    def refuse(_):
        raise OSError("no space")

    scene.watcher._on_change = refuse
    with pytest.raises(OSError, match="no space"):
        scene.edit("= 5", "= 6")
    assert scene.watcher.config.risk.max_order_qty == 5 and scene.watcher.revision == 0


def test_a_file_that_is_wrong_from_the_start(tmp_path):
    with pytest.raises(ConfigError, match=r"c\.toml:1: engine"):
        Scene(tmp_path / "c.toml", "engine = 5")
    with pytest.raises(ConfigError, match="no such file"):
        ConfigWatcher(tmp_path / "none.toml", FakeClock(1))
    (tmp_path / "c.ini").write_text("")
    with pytest.raises(ConfigError, match="ending"):
        ConfigWatcher(tmp_path / "c.ini", FakeClock(1))


def test_new_limits_of_an_instrument_and_parameters(tmp_path):
    text = BASE + '[[strategies]]\nname = "a"\nscript = "a.py"\nparameters = {fast = 1}\n'
    scene = Scene(tmp_path / "c.toml", text)
    scene.path.write_text(
        text.replace("fast = 1", "fast = 2") + "[risk.instruments.ETHUSDT]\nmax_order_qty = 1\n"
    )
    assert scene.look() == 1, scene.faults
    told = {c["path"]: (c["old"], c["new"]) for c in scene.changes}
    assert told["strategies[0].parameters.fast"] == (1, 2)
    assert told["risk.instruments.ETHUSDT.max_order_qty"] == (None, "1")


def test_changes_go_through_a_journal(scene, tmp_path):
    """As the engine does it: through a ring into a journal, and a reader gets the changes."""
    wide = "[risk.instruments.VERYLONGSYMBOLNAME12345]\nmax_order_notional = 123456789.123456\n"
    scene.path.write_text(BASE.replace("= 5", "= 6").replace("100", "250") + wide)
    assert scene.look() == 1
    assert len(scene.records) > len(scene.changes), "some take several parts"
    ring = SpscRing.private(256, start=1)  # numbers what goes through it
    with JournalWriter(tmp_path / "journal", session={"name": "reload"}) as writer:
        for record in scene.records:
            ring.push(record)
            writer.append(ring.pop())
    back = []
    for slots in JournalReader(tmp_path / "journal").slots():
        back += list(read_changes(iter_records(slots)))
    assert back == scene.changes
    assert {"path": "risk.max_order_qty", "old": "5", "new": "6", "operator": "alice",
            "revision": 1, "operator_id": 7} in back  # fmt: skip
    long = "risk.instruments.VERYLONGSYMBOLNAME12345.max_order_notional"
    assert long in [c["path"] for c in back]
    inputs = list(JournalReader(tmp_path / "journal").inputs())
    assert sum(map(len, inputs)) == 2 * len(scene.records), "a change is an input of the engine"


def test_parts_are_joined_by_bytes_and_missing_ones_are_seen():
    changes = [Change(("log", "file"), "å" * 40, "ключ" * 30), Change(("a",), 1, None)]
    records = to_records(changes, revision=3, ts_ns=5, operator="Ж" * 33)
    assert len(records) > 6
    back = list(read_changes(map(decode, records)))
    assert [(c["old"], c["new"]) for c in back] == [("å" * 40, "ключ" * 30), (1, None)]
    for lost in range(len(records) - 1):
        with pytest.raises(TruncatedInputError):
            list(read_changes(map(decode, records[:lost] + records[lost + 1 :])))


def test_a_secret_does_not_reach_a_record():
    key = "-----BEGIN EC PRIVATE KEY-----abc"
    assert json.loads(Change(("log", "file"), None, key).text("x"))["new"] == "***"


def test_every_value_has_its_key():
    config = load_config(profile="production", environ={}).config
    for path in flatten(config):
        assert key_at(path) is not None, path
    assert key_at(("risk", "limiter", "orders_burst")).live
    assert not key_at(("control", "port")).live
    assert key_at(("no",)) is None
    assert changes_between(Config(), Config()) == []
