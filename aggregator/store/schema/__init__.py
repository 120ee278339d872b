"""The SQLite schema: tables, full-text search and their documentation, as forward-only migrations.

tables   the statements
docs     what each table and column is, in words
steps    from one version to the next
"""

from aggregator.store.schema.docs import DOCS
from aggregator.store.schema.steps import APPLICATION_ID, STEPS, USER_VERSION, Step, migrate, refresh
from aggregator.store.schema.tables import PRIVATE

__all__ = ["APPLICATION_ID", "DOCS", "PRIVATE", "STEPS", "USER_VERSION", "Step", "migrate", "refresh"]
