"""One day through the C core, by every compiler and for every processor there is here: the same
sums as those below, which every machine is held to. A tool that is not here is a skip.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / "ext"
SETUP = HERE.parents[1] / "setup.py"
WARN = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unused-parameter"]
EXACT = "-ffp-contract=off"
GUEST = "aarch64"
EMULATOR = "qemu-aarch64-static"

# What `digest_day 1` says. It changes with the schema, the journal's layout and the order of what
# the engine says, and with nothing else.
DAY = """\
messages 41038
itch 0bdaa7129102833c22c7f38114e432bc6389ee94c1d1f04c11c7454cda4bfbaf
records 5f4ba162fc22a467a02e34eeaf355a8e
floats 5a1135c6840721ff45c8bb10e32207cb
metrics 0ce747065b7d6e7e71bd1501389d7bf2
books 1d1d8a0ce9b72dd4344d74d42fefcb23
bars_made 1572
bars cf54dffe8b48a451a3a3fa24d523253b
orders 3749
refused 1330
fills 1494
cancels 1082
segments 4
inputs 8af97338221b1df5625febf11a2a0698
outputs 0ec07b367fbfae3be57a0e69c996aab6
state 968d0bd5b708fd128019e5ba58ec96f164ba782d94c45ca378e80ef9ee300d2f
journal 743200e84c77a593bbfd3ad3ad9a68fa6fcd01cfd8411899d7631e767459bf6e
chain 58ae38516aebdf44c9a11e288675a062529864e627637cf37213f6150f11b540
crc32c 81c733e6
"""

Said = Callable[..., str]

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]


def tool(name: str) -> str:
    """The path of a program, or a skip that names it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here")
    return found


def built(source: str, target: Path, *command: str) -> Path:
    """A driver compiled with every warning an error."""
    path = [f"-I{INCLUDE}", str(HERE / source), "-o", str(target), "-pthread", "-lm"]
    done = subprocess.run([*command, *WARN, *path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return target


def said(*command: str) -> str:
    """What a driver printed; it must have ended well."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """`day("gcc", "-O3")` -> what the day says when it is compiled so, and run here."""
    here = tmp_path_factory.mktemp("day")
    programs: dict[tuple[str, ...], Path] = {}

    def run(compiler: str, *flags: str, seed: int = 1) -> str:
        command = (tool(compiler), "-std=c11", *flags)
        if command not in programs:
            programs[command] = built("digest_day.c", here / str(len(programs)), *command)
        return said(str(programs[command]), str(seed))

    return run


def has_fused() -> bool:
    """Whether this processor rounds a * b + c once, when asked to."""
    if platform.machine() == GUEST:
        return True
    try:
        return " fma " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def fused() -> list[str]:
    """The flags that let a compiler do that."""
    if not has_fused():
        pytest.skip("this processor has no fused multiply-add")
    return [] if platform.machine() == GUEST else ["-mfma"]


@pytest.mark.parametrize(
    ("compiler", "flags"),
    [
        ("gcc", ["-O0"]),
        ("gcc", ["-O1", "-DTT_NO_X86"]),
        ("clang", ["-O1"]),
        pytest.param("gcc", ["-O3"], marks=pytest.mark.soak),
        pytest.param("gcc", ["-O3", "-DTT_NO_X86"], marks=pytest.mark.soak),
        pytest.param("gcc", ["-O2", "-DTECTRA_DEBUG"], marks=pytest.mark.soak),
        pytest.param("clang", ["-O0"], marks=pytest.mark.soak),
        pytest.param("clang", ["-O3"], marks=pytest.mark.soak),
        pytest.param("clang", ["-O3", "-DTT_NO_X86"], marks=pytest.mark.soak),
    ],
    ids=lambda v: v if isinstance(v, str) else " ".join(v),
)
def test_a_day_is_the_same_whatever_compiles_it(day: Said, compiler: str, flags: list[str]) -> None:
    assert day(compiler, EXACT, *flags) == DAY


@pytest.mark.parametrize(
    ("compiler", "flags"),
    [
        ("aarch64-linux-gnu-gcc", ["-O1"]),
        pytest.param("aarch64-linux-gnu-gcc", ["-O3"], marks=pytest.mark.soak),
        pytest.param("clang", ["--target=aarch64-linux-gnu", "-O3"], marks=pytest.mark.soak),
    ],
    ids=lambda v: v if isinstance(v, str) else " ".join(v),
)
def test_a_day_is_the_same_on_the_other_processor(
    tmp_path: Path, compiler: str, flags: list[str]
) -> None:
    """Under an emulator, which runs the same instructions as the processor would."""
    if platform.machine() == GUEST:
        pytest.skip("this is that processor: the tests before this one ran on it")
    emulator = tool(EMULATOR)
    if compiler == "clang":
        tool("aarch64-linux-gnu-gcc")  # whose headers and libraries it takes
    command = [tool(compiler), "-std=c11", EXACT, "-static", *flags]
    program = built("digest_day.c", tmp_path / "day", *command)
    assert said(emulator, str(program), "1") == DAY


def test_every_build_of_the_extensions_rounds_alike() -> None:
    assert f'"{EXACT}"' in SETUP.read_text()


@pytest.mark.soak
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_sum_that_is_rounded_once_is_seen(day: Said, compiler: str) -> None:
    """What the flag is for: without it, the same source draws other numbers."""
    found = day(compiler, "-ffp-contract=fast", "-O3", *fused()).splitlines()
    wanted = DAY.splitlines()
    assert [a for a, b in zip(found, wanted, strict=True) if a != b] == [
        line for line in found if line.startswith("floats")
    ]


def test_another_seed_is_another_day(day: Said) -> None:
    """The sums are of the day, not of the code alone: with it every one of them changes."""
    found = day("gcc", EXACT, "-O0", seed=2).splitlines()
    same = {line.split()[0] for line in found if line in DAY.splitlines()}
    assert same <= {"segments"}


# The guided fuzzers want an attribute that only gcc has, and say so.
DRIVERS = sorted(p.name for p in HERE.glob("*.c") if not p.name.startswith("guided_"))


@pytest.mark.parametrize(
    "debug", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["release", "debug"]
)
def test_clang_takes_every_driver(debug: bool) -> None:
    """Each driver, and every header it needs, without a warning of the other compiler."""
    mode = ["-DTECTRA_DEBUG"] if debug else []
    paths = [str(HERE / name) for name in DRIVERS]
    command = [tool("clang"), "-std=gnu11", *mode, *WARN, "-fsyntax-only", f"-I{INCLUDE}", *paths]
    done = subprocess.run(command, capture_output=True, text=True)
    assert len(paths) > 20
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(
    ("source", "args"),
    [
        ("crc32c_check.c", []),
        ("gate_check.c", []),
        ("journal_append.c", []),
        pytest.param("kill_stress.c", [], marks=pytest.mark.soak),
        pytest.param("spsc_stress.c", ["mixed", "60000", "8", "0"], marks=pytest.mark.soak),
        pytest.param("sim_fuzz.c", ["1", "12000"], marks=pytest.mark.soak),
        pytest.param("risk_fuzz.c", ["200000", "1"], marks=pytest.mark.soak),
        pytest.param("itch_fuzz.c", ["1", "2000"], marks=pytest.mark.soak),
        pytest.param("bars_fuzz.c", ["1", "200"], marks=pytest.mark.soak),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_driver_built_by_clang(tmp_path: Path, source: str, args: list[str]) -> None:
    flags = ["-std=gnu11", "-O2", "-DTECTRA_DEBUG"]
    said(str(built(source, tmp_path / "driver", tool("clang"), *flags)), *args)


@pytest.mark.parametrize("flags", [[], ["-DTT_NO_X86"]], ids=["found at run time", "plain"])
def test_a_checksum_is_the_same_with_and_without_instructions(
    tmp_path: Path, flags: list[str]
) -> None:
    compiler = os.environ.get("CC") or tool("gcc")
    said(str(built("crc32c_check.c", tmp_path / "driver", compiler, "-std=gnu11", "-O1", *flags)))
