"""Supernets: one set of weights for all architectures of a space, trained once, inherited by every candidate.

`net` says what a supernet is, `choices`, `elastic` and `entangled` how spaces share their weights, `learning` how they
are trained, `weights` how they are kept, `evaluator` how a search measures with them.
"""
