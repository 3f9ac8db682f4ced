"""The hard cap of a source's first day: which incidents may become alarms, while little is known of it."""

from collections.abc import Collection, Mapping

from oddline.scoring.calibration.model import Cap, Incident


def grant(
    wanted: Mapping[int, float], *, held: Collection[Incident], hour: int, cap: Cap
) -> tuple[frozenset[int], frozenset[Incident]]:
    """Which patterns may raise an alarm in an hour, and all grants that are then held.

    Of what is new the highest scores come first. An incident that was granted before is granted again at no cost, and
    what was granted longer ago than the cap reaches counts no more.

    Args:
        wanted: the highest score of each pattern that reached the threshold.
        held: what was granted so far.
        hour: counted from 1970.
        cap: what is kept in any hours in a row.
    """
    lasting = {one for one in held if one.hour > hour - cap.hours}
    again = {pattern for pattern in wanted if Incident(pattern, hour) in lasting}
    fresh = sorted(wanted.keys() - again, key=lambda pattern: (-wanted[pattern], pattern))
    granted = fresh[: max(cap.incidents - len(lasting), 0)]
    return frozenset(again.union(granted)), frozenset(lasting.union(Incident(pattern, hour) for pattern in granted))
