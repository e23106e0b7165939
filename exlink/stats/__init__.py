"""Domain-free estimators: arrays and frames in, frozen results and tidy frames out.

Nothing here knows what an employee or a customer is, so everything can be checked against R,
statsmodels, a closed form or a simulation with known truth.
"""
