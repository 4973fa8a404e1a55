"""The table lives in `mcpwatch.store.levels`; import it from there."""

from mcpwatch.store.levels import *  # noqa: F403
from mcpwatch.store.levels import BY_NAME, CAUTION, DANGER, LEVELS, SAFE, UNSCANNED, Level, level_of  # noqa: F401
