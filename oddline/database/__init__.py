"""PostgreSQL: connections, transactions, roles, partitions, migrations (`oddline.database.migrate`, imported apart:
it needs Alembic and SQLAlchemy, which no function carries)."""

from oddline.database.connection import Database, Transaction
from oddline.database.partitions import create_partitions, drop_partition, partition_days
from oddline.database.roles import ROLES

__all__ = ["ROLES", "Database", "Transaction", "create_partitions", "drop_partition", "partition_days"]
