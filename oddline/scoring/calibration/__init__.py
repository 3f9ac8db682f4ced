"""Calibration: thresholds that keep "at most N false alarms a day" per source, without labels.

Pure are `incidents`, `threshold`, `warm_up` and `drift`; `service` and `cap` bring them to the database.
"""
