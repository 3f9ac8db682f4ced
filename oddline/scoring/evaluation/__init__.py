"""Measure the detector beside simple tricks, on data that it has never seen."""
