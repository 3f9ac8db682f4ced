"""Put the bill together; of Aurora's two storage configurations the cheaper one."""

from collections.abc import Iterable

from oddline.cost import bill
from oddline.cost.bill import Charge
from oddline.cost.flow import Flow
from oddline.cost.model import Assumed, Deployment, Estimate, Item, Measured, PriceTable, Workload


def estimate(
    workload: Workload,
    *,
    prices: PriceTable,
    measured: Measured,
    scheduled: float,
    deployment: Deployment | None = None,
    assumed: Assumed | None = None,
) -> Estimate:
    """What a month costs at this volume.

    Args:
        scheduled: how often all schedules fire in a month.
    """
    flow = Flow(workload, measured, deployment or Deployment(), assumed or Assumed(), scheduled)

    def priced(charges: Iterable[Charge]) -> list[Item]:
        return [Item(service, what, quantity, prices[price]) for service, what, quantity, price in charges]

    databases = [priced(bill.database(flow, optimized=optimized)) for optimized in (False, True)]
    items = [
        *priced(bill.api(flow)),
        *priced(bill.functions(flow)),
        *priced(bill.tasks(flow)),
        *min(databases, key=lambda lines: sum(line.usd for line in lines)),
        *priced(bill.around_database(flow)),
        *priced(bill.objects(flow)),
        *priced(bill.network(flow)),
        *priced(bill.watching(flow)),
        *priced(bill.keeping(flow)),
    ]
    return Estimate(workload, flow.lines, tuple(items))
