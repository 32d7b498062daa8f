"""The page, the loader and what lies beside them: what people see of a zoo."""
