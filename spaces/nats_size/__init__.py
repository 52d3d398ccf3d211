"""The size search space of NATS-Bench: the channels of five blocks in a network of fixed topology."""

from navarch.spaces.nats_size.space import NatsSize

__all__ = ["NatsSize"]
