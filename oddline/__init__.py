"""Oddline reads logs and points at the odd lines."""
