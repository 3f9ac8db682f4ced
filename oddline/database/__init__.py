"""PostgreSQL: connections, transactions, roles, partitions.

Migrations (`oddline.database.migrate`) are imported apart: they need Alembic and SQLAlchemy, which no function carries.
"""

from oddline.database.connection import Database, Joined, Transaction
from oddline.database.partitions import create_partitions, drop_partition, partition_days
from oddline.database.roles import ROLES

__all__ = ["ROLES", "Database", "Joined", "Transaction", "create_partitions", "drop_partition", "partition_days"]
