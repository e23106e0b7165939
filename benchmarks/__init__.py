"""Timings side by side with other people's software; ``make bench`` runs them."""
