"""`python -m tectra.schema [--check | --lock | --json-schema]`."""

import sys

from tectra.schema.codegen import main

sys.exit(main())
