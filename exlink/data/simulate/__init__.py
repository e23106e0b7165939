"""A simulated service company with known truth: every table of the contract, and truth.json beside them."""

from exlink.data.simulate.study import simulate_study

__all__ = ["simulate_study"]
