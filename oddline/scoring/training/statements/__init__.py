"""Log statements with their level from the source of other software: training text free of anybody's logs."""

from oddline.scoring.training.statements.files import DATA, SHIPPED, distinct, manifest, read, write
from oddline.scoring.training.statements.model import LEVELS, Statement

__all__ = ["DATA", "LEVELS", "SHIPPED", "Statement", "distinct", "manifest", "read", "write"]
