"""Linear mixed models from cross-products: exact, and as cheap on ten million rows as on ten thousand."""
