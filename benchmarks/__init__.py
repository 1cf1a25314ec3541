"""Measurements: how fast, on this machine, against what."""
