"""Configuration: structs, one loader over five layers, secrets from the environment, hot reload.

`section` has the structs, `load` reads them from TOML, YAML or JSON and says of every value where
it came from, `watch` follows a file, `credential` and `source` turn names of variables into keys.
Floor 1. What is loaded is frozen and goes anywhere; a watcher has one owner thread.
"""

from tectra.core.config.fault import Fault
from tectra.core.config.load import PROFILES, Loaded, load_config
from tectra.core.config.section import Config
from tectra.core.config.tree import Origin

__all__ = ["PROFILES", "Config", "Fault", "Loaded", "Origin", "load_config"]
