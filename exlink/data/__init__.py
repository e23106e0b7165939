"""A study's tables: contract, validation, engine, linkage, and the simulated study."""
