"""One module per notebook, same stem: reads tables and the linked relation, returns frames and facts."""
