"""Steps: one folder of results each, with a receipt that says what made it."""
