"""Coverage of intervals and size of tests in simulated worlds with known truth; ``make calibrate`` runs them."""
