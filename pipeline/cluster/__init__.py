"""Runs steps on the workers of a Dask cluster; results travel through the shared store."""
