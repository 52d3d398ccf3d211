"""Zero-cost proxies: what an untrained network says of how well it would train.

Each is a pure function of a network and a batch, on any device and in any float type, that leaves the network as it
was; more is better in each. `measure.py` measures architectures of a space by name, `ranking.py` joins proxies by
ranks.
Nothing here is imported before it is needed: only `names` goes without torch.
"""
