"""Every execution of the rings within small bounds, under C11's release and acquire: the explorer
in `model/` runs the real headers. Planted faults show that it would see one.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]

HERE = Path(__file__).resolve().parent / "model"
INCLUDE = HERE.parents[2] / "ext" / "tectra"
WARN = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unused-parameter"]
EXPLORER = ["explore", "memory", "table", "thread"]
# The compiler's instrumentation tells the explorer of each plain access; its own library is not
# linked. Rings smaller than those in use reach full and wrap within few operations.
PROGRAM = [
    "-O1",
    "-DTECTRA_DEBUG",
    '-DTECTRA_ATOMIC_MODEL="atomic_model.h"',
    "-DTT_SPSC_CAPACITY_MIN=2u",
    "-DTT_SPSC_LAPS_MAX=2",
    "-DTT_BCAST_WORD_STEP=2u",
    "-fsanitize=thread",
]
SMALLER = {
    "model_bcast": [
        ("bcast_page.h", "define TT_BCAST_CAPACITY_MIN 8u", "define TT_BCAST_CAPACITY_MIN 2u"),
        ("bcast_page.h", "define TT_BCAST_TRIES_MAX 16", "define TT_BCAST_TRIES_MAX 2"),
    ]
}
TIME_LIMIT_S = 60

Model = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """`model("model_spsc", "two claim", header="spsc.h", edit={old: new})` -> the finished run."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    out = tmp_path_factory.mktemp("model")
    built: dict[tuple[str, ...], Path] = {}

    def compile_(*args: str) -> None:
        assert compiler is not None
        command = [compiler, "-std=gnu11", "-g", *WARN, f"-I{HERE}", *args]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def explorer() -> list[str]:
        objects = [out / f"{name}.o" for name in EXPLORER]
        for path in objects:
            if not path.exists():
                compile_("-O2", "-c", str(HERE / f"{path.stem}.c"), "-o", str(path))
        return [str(path) for path in objects]

    def build(program: str, header: str, edit: dict[str, str]) -> Path:
        key = (program, header, *edit, *edit.values())
        if key not in built:
            include = Path(tempfile.mkdtemp(prefix="edited", dir=out))
            changes = [*SMALLER.get(program, []), *((header, *pair) for pair in edit.items())]
            if changes:
                copy = include / "tectra"
                shutil.copytree(INCLUDE, copy, ignore=shutil.ignore_patterns("schema.*"))
            for name, old, new in changes:
                text = (copy / name).read_text()
                assert old in text, f"{name} has no {old!r} to weaken"
                (copy / name).write_text(text.replace(old, new))
            target = out / f"{program}{len(built)}"
            source = str(HERE / f"{program}.c")
            flags = [*PROGRAM, f"-I{include if changes else INCLUDE.parent}"]
            compile_(*flags, "-c", source, "-o", f"{target}.o")
            compile_(f"{target}.o", *explorer(), "-o", str(target))
            built[key] = target
        return built[key]

    def run(
        program: str,
        scenario: str = "",
        *,
        header: str = "",
        edit: dict[str, str] | None = None,
        timeout_s: float = TIME_LIMIT_S,
    ) -> subprocess.CompletedProcess[str]:
        if compiler is None:
            pytest.skip("no C compiler: set CC, or install gcc")
        command = [str(build(program, header, edit or {})), *([scenario] if scenario else [])]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)

    return run


def assert_proved(done: subprocess.CompletedProcess[str]) -> None:
    print(done.stdout)
    assert done.returncode == 0, done.stderr[-6000:]
    lines = done.stdout.splitlines()
    assert lines
    assert all("all explored" in line for line in lines), done.stdout


def assert_caught(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1, done.stdout + done.stderr[-3000:]
    assert "FAILED: " in done.stderr
    assert "schedule (" in done.stderr


def test_explorer_knows_the_classic_programs(model):
    done = model("model_self")
    assert done.returncode == 0, done.stderr[-3000:]
    counts = re.findall(r"(\d+) interleavings, +(\d+) different, +(\d+) explored", done.stdout)
    assert len(counts) == 14
    assert all(different == explored for _, different, explored in counts)


def test_explorer_prints_the_schedule_of_a_fault(model):
    done = model("model_self", "broken_ring")
    assert_caught(done)
    assert "data race" in done.stderr
    assert re.search(r"t1 +broken_ring +\d+ +load.acq", done.stderr)


def test_every_execution_of_the_spsc_ring(model):
    assert_proved(model("model_spsc"))


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_every_execution_of_the_spsc_ring_deep(model):
    assert_proved(model("model_spsc", "deep", timeout_s=900))


COMMIT = "tt_store_release64(slot, tt_spsc_word_(rec));"
BATCH_COMMIT = "tt_store_release64(tt_spsc_commit_word_(r, start), first);"
BATCH_FILL = "tt_spsc_fill_(r, (uint8_t *)slot, rec, n, pos + 1 - skew - wide);"
BATCH_END = "tt_store_relaxed64(tt_spsc_commit_word_(r, pos), 0); /* the end mark"
GIVE_BACK = "tt_store_release64(&page->read_pos, tt_load_relaxed64(&page->read_pos) + slots);"
CLEAR = "tt_store_relaxed64(word, 0);"
INTACT = "return tt_load_acquire64(&r->page->intent_pos) - pos <= r->mask + 1;"
PEEKED = "const tt_head *rec = tt_spsc_peek(r);\n"
EARLY = """    if (rec != NULL)
        tt_store_release64(&r->page->read_pos, tt_load_relaxed64(&r->page->read_pos) + 1);
    if (rec != NULL)
        tt_store_release64(&r->page->read_pos, tt_load_relaxed64(&r->page->read_pos) - 1);
"""
WORDS = "tt_store_release64(slot + i, words[i]);"
ONE, RUNS, WIDE = "one, 2 slots", "runs, 4 slots", "wide, 4 slots"
BATCH, BATCH_8, LOSSY = "batch, 4 slots", "batch, 8 slots", "lossy, 2 slots"

# what, header, what to break and how, where it must be seen
SPSC = [
    ("commit is not a release", "spsc.h", COMMIT, COMMIT.replace("release", "relaxed"), ONE),
    ("batch commit is not a release", "spsc.h", BATCH_COMMIT,
     BATCH_COMMIT.replace("release", "relaxed"), BATCH),
    ("giving back is not a release", "spsc.h", GIVE_BACK,
     GIVE_BACK.replace("store_release", "store_relaxed"), ONE),
    ("room is not acquired", "spsc.h", "r->seen_read_pos = tt_load_acquire64(",
     "r->seen_read_pos = tt_load_relaxed64(", ONE),
    ("peek is not an acquire", "spsc.h", "return tt_load_acquire64(slot) == 0 ? NULL",
     "return tt_load_relaxed64(slot) == 0 ? NULL", ONE),
    ("the run is not acquired", "spsc.h", ": tt_load_acquire64(tt_spsc_commit_word_",
     ": tt_load_relaxed64(tt_spsc_commit_word_", RUNS),
    ("no full check", "spsc.h", "if (depth + n > r->mask)\n", "if (0)\n", ONE),
    ("full is one too late", "spsc.h", "if (depth + n > r->mask)\n",
     "if (depth + n > r->mask + 1)\n", ONE),
    ("no end mark", "spsc.h", CLEAR, "(void)word;", ONE),
    ("the end mark is one short", "spsc.h", "tt_spsc_clear_(r, r->clear_to + 1, end);",
     "tt_spsc_clear_(r, r->clear_to + 2, end);", ONE),
    ("a batch leaves no end mark", "spsc.h", BATCH_END, "(void)0; /*", BATCH),
    ("the spare slot is used", "spsc.h", "r->seen_read_pos + r->mask;",
     "r->seen_read_pos + r->mask + 1;", ONE),
    ("batch is visible before it is copied", "spsc.h", BATCH_FILL,
     f"tt_store_release64(slot, word);\n        {BATCH_FILL}", BATCH),
    ("batch commits its first record first", "spsc.h",
     "if (pos == start)\n            first = word;",
     "if (pos == start)\n            tt_store_release64(slot, first = word);", BATCH_8),
    ("given back before it is read", "spsc.h", PEEKED, PEEKED + EARLY, "one, 2 slots, wrap"),
    ("wide records count as one slot", "spsc.h", "tt_spsc_give_back_(r, 2, 1);",
     "tt_spsc_give_back_(r, 1, 1);", WIDE),
    ("given back twice", "spsc.h", "tt_spsc_give_back_(r, 1, 1);",
     "tt_spsc_give_back_(r, 2, 1);", ONE),
    ("the lap is forgotten", "spsc_page.h", "(pos & r->mask) * TT_SLOT_BYTES",
     "(pos & (r->mask >> 1)) * TT_SLOT_BYTES", ONE),
    ("anyone may claim", "spsc_page.h", "if (holder != 0 && holder != r->token &&",
     "if (0 && holder != r->token &&", "producer dies"),
    ("claims without a swap", "spsc_page.h", "if (!tt_cas64(side, &holder, r->token))",
     "if (tt_store_release64(side, r->token), 0)", "two claim"),
    ("a successor starts too early", "spsc_page.h",
     "const uint64_t n = tt_spsc_slots_of_(tt_load_acquire64(slot));\n        if (n == 0)",
     "const uint64_t n = tt_spsc_slots_of_(tt_load_acquire64(slot));\n        if (1)",
     "producer dies"),
    ("no look after the copy", "spsc_lossy.h", INTACT, "(void)r, (void)pos;\n    return 1;",
     LOSSY),
    ("the look is one slot late", "spsc_lossy.h", INTACT, INTACT.replace("+ 1;", "+ 2;"), LOSSY),
    ("intent comes late", "spsc_lossy.h", "tt_store_relaxed64(&page->intent_pos, pos + n);",
     "(void)0;", LOSSY),
    ("lossy words are not released", "spsc_lossy.h", WORDS, WORDS.replace("release", "relaxed"),
     LOSSY),
    ("lossy words are not acquired", "spsc_lossy.h", "tt_load_acquire64(slot + i);",
     "tt_load_relaxed64(slot + i);", LOSSY),
    ("gap is one short", "spsc_lossy.h", "tt_spsc_tell_gap_(r, first, number - 1);",
     "tt_spsc_tell_gap_(r, first, number - 2 + (number == first + 1));", LOSSY),
]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "old", "new", "scenario"), [m[1:] for m in SPSC], ids=[m[0] for m in SPSC]
)
def test_fault_in_the_spsc_ring_is_caught(model, header, old, new, scenario):
    assert_caught(model("model_spsc", scenario, header=header, edit={old: new}))


def test_every_execution_of_the_mpmc_ring(model):
    assert_proved(model("model_mpmc"))


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_many_more_executions_of_the_mpmc_ring(model):
    """Larger bounds than can be explored to their end: the output says which were cut."""
    done = model("model_mpmc", "deep", timeout_s=7200)
    print(done.stdout)
    assert done.returncode == 0, done.stderr[-6000:]


RELEASE = "tt_store_release64(&item->slot->word, next);"
FREE_ACQUIRED = """const uint64_t word = tt_load_acquire64(&slot->word);
        const int64_t ahead = (int64_t)(word - tt_mpmc_word(pos, 0, TT_MPMC_FREE));"""
READY_ACQUIRED = "const uint64_t word = tt_load_acquire64(&slot->word); /* pairs with the store"
READY_FENCED = "uint64_t word = tt_load_acquire64(&slot->word); /* pairs with the swap in commit */"
CLAIM = "tt_cas64(&slot->word, &word, tt_mpmc_word(pos, r->me, TT_MPMC_CLAIMED))"
READ = "tt_cas64(&slot->word, &word, tt_mpmc_word(pos, r->me, TT_MPMC_READING))"
FINISH = "if (TT_UNLIKELY(!tt_cas64(&item->slot->word, &word, next)))"
REUSE = "tt_store_release64(&slot->word, tt_mpmc_word(pos + r->mask + 1, 0, TT_MPMC_FREE));"
PASS = "tt_mpmc_reword_(word, r->mask + 1, tt_mpmc_owner(word), TT_MPMC_HELD);"
ALIVE = "TT_MPMC_OWNER_ALIVE(tt_mpmc_token_pid(token), (uint32_t)token)"
QUARANTINE = "deep quarantine 2x1"
PLAIN, PLAIN_2, ABORT = "plain 2x1, 2 slots, 3 each", "plain 1x2, 2 slots, 3 each", "plain abort"
FENCED, FENCED_2, SLOW = "fenced 2x1, 2 slots", "fenced 1x2, 2 slots", "slow holders 1x1"

MPMC = [
    ("commit is not a release", "mpmc.h", RELEASE, RELEASE.replace("release", "relaxed"), PLAIN),
    ("claim does not acquire", "mpmc_slot.h", FREE_ACQUIRED,
     FREE_ACQUIRED.replace("acquire", "relaxed"), PLAIN),
    ("peek does not acquire", "mpmc_slot.h", READY_ACQUIRED,
     READY_ACQUIRED.replace("acquire", "relaxed"), PLAIN),
    ("fenced peek does not acquire", "mpmc_slot.h", READY_FENCED,
     READY_FENCED.replace("acquire", "relaxed"), FENCED),
    ("two claim one position", "mpmc_slot.h", "tt_cas64(&page->write_pos, &pos, pos + 1)",
     "(tt_store_release64(&page->write_pos, pos + 1), 1)", PLAIN),
    ("two take one record", "mpmc_slot.h",
     "if (TT_LIKELY(tt_cas64(&page->read_pos, &pos, pos + 1)))",
     "if ((tt_store_release64(&page->read_pos, pos + 1), 1))", PLAIN_2),
    ("two claim one slot", "mpmc_slot.h", CLAIM,
     "(tt_store_release64(&slot->word, tt_mpmc_word(pos, r->me, TT_MPMC_CLAIMED)), 1)", FENCED),
    ("two read one slot", "mpmc_slot.h", READ,
     "(tt_store_release64(&slot->word, tt_mpmc_word(pos, r->me, TT_MPMC_READING)), 1)", FENCED_2),
    ("the lap is one short", "mpmc.h", "tt_mpmc_word(item->pos + r->mask + 1, 0, TT_MPMC_FREE)",
     "tt_mpmc_word(item->pos + r->mask, 0, TT_MPMC_FREE)", PLAIN),
    ("no full check", "mpmc_slot.h",
     "if (ahead < 0)\n            return TT_E_FULL;\n        if (ahead", "if (ahead", FENCED),
    ("helps by two", "mpmc_slot.h", "tt_cas64(position, &pos, pos + 1)",
     "tt_cas64(position, &pos, pos + 2)", FENCED),
    ("aborted is delivered", "mpmc.h", "tt_mpmc_word(item->pos, 0, TT_MPMC_SKIP)",
     "tt_mpmc_word(item->pos, 0, TT_MPMC_READY)", ABORT),
    ("aborted slot is stuck", "mpmc_slot.h", REUSE, "(void)slot;", ABORT),
    ("late commit is not fenced", "mpmc.h", FINISH,
     "(void)word;\n        if (tt_store_release64(&item->slot->word, next), 0)", SLOW),
    ("late reader delivers", "mpmc.h", "if (TT_LIKELY(tt_mpmc_release(r, &item) == TT_OK)) {",
     "if ((void)tt_mpmc_release(r, &item), 1) {", SLOW),
    ("no quarantine", "mpmc_owner.h", "next = dead ?", "next = dead >= 0 ?", QUARANTINE),
    ("the stopped are taken for dead", "mpmc_owner.h", ALIVE, "0", QUARANTINE),
    ("quarantine ends after a lap", "mpmc_slot.h", PASS,
     "tt_mpmc_reword_(word, r->mask + 1, 0, TT_MPMC_FREE);", QUARANTINE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "old", "new", "scenario"), [m[1:] for m in MPMC], ids=[m[0] for m in MPMC]
)
def test_fault_in_the_mpmc_ring_is_caught(model, header, old, new, scenario):
    assert_caught(model("model_mpmc", scenario, header=header, edit={old: new}))


def test_every_execution_of_the_broadcast_ring(model):
    assert_proved(model("model_bcast"))


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_every_execution_of_the_broadcast_ring_deep(model):
    assert_proved(model("model_bcast", "deep", timeout_s=900))


STAMP = "tt_store_release64(&r->control[pos & r->mask].stamp, number << 1 | (n - 1));"
FILL = "tt_store_release64(slot + i, i == 1 ? second : tt_bcast_word_(rec, i));"
UNCHANGED = "if (TT_LIKELY(n != 0 && tt_load_relaxed64(&control->stamp) == stamp)) {"
COUNT = "tt_store_release64(&r->page->write_pos, pos);"
ONE_READER = "1 reader, 2 slots"

BCAST = [
    ("stamp is not a release", STAMP, STAMP.replace("release", "relaxed")),
    ("stamp is not acquired", "const uint64_t stamp = tt_load_acquire64(&control->stamp);",
     "const uint64_t stamp = tt_load_relaxed64(&control->stamp);"),
    ("words are not released", FILL, FILL.replace("release", "relaxed")),
    ("words are not acquired", "const uint64_t word = tt_load_acquire64(slot + i); /* pairs",
     "const uint64_t word = tt_load_relaxed64(slot + i); /* pairs"),
    ("stamp is not made void", "tt_store_relaxed64(&r->control[index].stamp, 0);", "(void)0;"),
    ("no look after the copy", UNCHANGED, "if (n != 0) {"),
    ("gap is one short", "const uint64_t last = (stamp >> 1) - 1;",
     "const uint64_t last = (stamp >> 1) - 2;"),
    ("gap is one long", "rd->next = last + 1;", "rd->next = last + 2;"),
    ("position is not a release", COUNT, COUNT.replace("release", "relaxed")),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [m[1:] for m in BCAST], ids=[m[0] for m in BCAST])
def test_fault_in_the_broadcast_ring_is_caught(model, old, new):
    assert_caught(model("model_bcast", ONE_READER, header="bcast.h", edit={old: new}))
