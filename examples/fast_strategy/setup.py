"""Builds fast_strategy.pyx against the tectra that is installed: its .pxd files are found as Python
finds the package, its C headers through get_include().
"""

from Cython.Build import cythonize
from setuptools import Extension, setup

import tectra

EXTENSION = Extension(
    "fast_strategy",
    ["fast_strategy.pyx"],
    include_dirs=[tectra.get_include()],
    extra_compile_args=["-std=c11", "-O3"],
)
DIRECTIVES = {"language_level": 3, "cdivision": True}

setup(ext_modules=cythonize([EXTENSION], compiler_directives=DIRECTIVES))
