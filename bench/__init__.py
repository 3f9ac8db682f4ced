"""Measures Oddline against its targets, and against the ways that it replaces: `make bench`."""
