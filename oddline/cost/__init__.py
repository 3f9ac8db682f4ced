"""What a deployment costs: a dated price table, measured figures, and the month's bill at any volume."""

from oddline.cost.model import Egress, Estimate, Item, Measured, Price, PriceTable, Step, Workload
from oddline.cost.service import estimate, read_measured, read_prices

__all__ = [
    "Egress",
    "Estimate",
    "Item",
    "Measured",
    "Price",
    "PriceTable",
    "Step",
    "Workload",
    "estimate",
    "read_measured",
    "read_prices",
]
