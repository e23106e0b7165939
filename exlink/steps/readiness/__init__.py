"""00 Readiness: what the data can carry. Rows and losses, who was asked and answered, verdict per question."""
