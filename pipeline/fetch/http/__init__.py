"""HTTP: one session with credentials, deadlines and resumed downloads."""
