"""Build of the compiled core: every tectra/**/*.pyx becomes an extension, the C headers ship with
the package.

Environment:
    TECTRA_DEBUG=1                     every check on: Cython bounds checks, TT_ASSERT, -Og -g1
    TECTRA_SANITIZE=address,undefined  the same, instrumented (run with LD_PRELOAD of the runtimes)
    TECTRA_WERROR=1                    warnings are errors
    TECTRA_ONLY=tectra/book/*          build only the modules whose path matches
"""

import functools
import hashlib
import multiprocessing
import os
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
DEBUG = os.environ.get("TECTRA_DEBUG") == "1"
SANITIZE = os.environ.get("TECTRA_SANITIZE", "")
WERROR = os.environ.get("TECTRA_WERROR") == "1"
ONLY = os.environ.get("TECTRA_ONLY", "*")
CHECKED = DEBUG or bool(SANITIZE)
# Cython's workers import this file again unless they are forks of this process.
FORKS = (os.cpu_count() or 1) if multiprocessing.get_start_method() == "fork" else 0

HEADERS = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "ext" / "tectra").iterdir())
WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wno-unused-function",
    "-Wno-unused-parameter",
    "-Wno-cast-function-type",
]
# a * b + c is rounded twice on every machine: clang, and gcc outside -std=c11, would else round it
# once where the processor can, and one seed would not give one day any more.
FLAGS = ["-std=c11", "-fno-strict-aliasing", "-ffp-contract=off", *WARNINGS]
FLAGS += ["-Og", "-g1", "-DTECTRA_DEBUG"] if CHECKED else ["-O1" if WERROR else "-O3", "-g0"]
FLAGS += [f"-fsanitize={SANITIZE}", "-fno-omit-frame-pointer"] if SANITIZE else []
FLAGS += ["-Werror"] if WERROR else []
LINK = [f"-fsanitize={SANITIZE}"] if SANITIZE else []

DIRECTIVES = {
    "language_level": 3,
    "binding": True,
    "embedsignature": True,
    "boundscheck": CHECKED,
    "wraparound": False,
    "nonecheck": CHECKED,
    "initializedcheck": CHECKED,
    "cdivision": True,
}


def extensions() -> list[Extension]:
    """One extension for each .pyx; a header change rebuilds them all."""
    out = []
    for pyx in sorted((ROOT / "tectra").rglob("*.pyx")):
        path = pyx.relative_to(ROOT)
        if fnmatch(str(path), ONLY):
            out.append(
                Extension(
                    ".".join(path.with_suffix("").parts),
                    [str(path)],
                    include_dirs=["ext"],
                    extra_compile_args=FLAGS,
                    extra_link_args=LINK,
                    depends=[*HEADERS, str(path)],
                )
            )
    return out


@functools.cache
def header_bytes() -> bytes:
    """Digest of all headers."""
    return hashlib.sha256(b"".join(Path(name).read_bytes() for name in HEADERS)).digest()


class BuildExt(build_ext):
    """Rebuilds everything when the flags differ from those of the last build: setuptools alone
    would not notice.
    """

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def run(self) -> None:
        stamp = Path("build") / "flags.txt"
        now = f"{FLAGS} {LINK} {DIRECTIVES}"
        if not stamp.exists() or stamp.read_text() != now:
            shutil.rmtree(stamp.parent / "sums", ignore_errors=True)
            stamp.parent.mkdir(exist_ok=True)
            stamp.write_text(now)
        print(f"tectra build: {'checked' if CHECKED else 'release'}, flags {' '.join(FLAGS)}")
        super().run()

    def build_extension(self, ext: Extension) -> None:
        """Skip what is built from the same bytes: a fresh build environment makes every file look
        new.
        """
        target = Path(self.get_ext_fullpath(ext.name))
        sums = hashlib.sha256(f"{sys.version} {FLAGS} {LINK}".encode() + header_bytes())
        for name in ext.sources:
            sums.update(Path(name).read_bytes())
        stamp = Path("build") / "sums" / hashlib.sha256(str(target).encode()).hexdigest()
        if target.exists() and stamp.exists() and stamp.read_text() == sums.hexdigest():
            return
        stamp.unlink(missing_ok=True)
        self.force = True
        super().build_extension(ext)
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(sums.hexdigest())


class BuildPy(build_py):
    """Puts the headers, the schema and the sample day into the wheel."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for source, target, patterns in (
            ("ext/tectra", "include/tectra", ("*",)),
            ("data", "data", ("*.gz",)),
        ):
            goal = Path(self.build_lib) / "tectra" / target
            goal.mkdir(parents=True, exist_ok=True)
            for pattern in patterns:
                for file in (ROOT / source).glob(pattern):
                    shutil.copy2(file, goal)


if __name__ == "__main__":
    setup(
        ext_modules=cythonize(
            extensions(),
            compiler_directives=DIRECTIVES,
            build_dir="build/cython",
            cache="build/cache",
            nthreads=FORKS,
            show_all_warnings=False,
            force=os.environ.get("TECTRA_FORCE") == "1",
        ),
        cmdclass={"build_ext": BuildExt, "build_py": BuildPy},
    )
