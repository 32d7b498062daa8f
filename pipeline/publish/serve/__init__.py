"""A local server of `dist/`, as a host would serve it."""
