"""tfjs-zoo: builds a TensorFlow.js model zoo from a manifest.

`models.yaml` in, `doit`, `dist/` out. The graph is in `dodo.py`; start reading there.
"""
