"""What is shown: the disclosure gate, charts, tables, pages and the runner; nothing here knows a model."""
