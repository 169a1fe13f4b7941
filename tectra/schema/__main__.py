"""`python -m tectra.schema [--check]`."""

import sys

from tectra.schema.codegen import main

sys.exit(main())
