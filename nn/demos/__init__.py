"""Demonstrations on real data: the command line `python -m nn`, and the data sets that it learns from."""
