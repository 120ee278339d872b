"""The SQLite schema: tables, full-text search and their documentation, as forward-only migrations.

tables   the statements of the first version; changes: those of the later ones
docs     what each table and column is, in words
steps    from one version to the next
"""

from aggregator.store.schema.docs import DOCS
from aggregator.store.schema.steps import APPLICATION_ID, PRIVATE, STEPS, USER_VERSION, Step, migrate, refresh

__all__ = ["APPLICATION_ID", "DOCS", "PRIVATE", "STEPS", "USER_VERSION", "Step", "migrate", "refresh"]
