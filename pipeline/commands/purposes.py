"""The purposes of the commands: `tfjs-zoo help` lists them without importing the commands."""

from collections.abc import Mapping

PURPOSES: Mapping[str, str] = {
    "add": "describe a model and write its entry into models.yaml",
    "check": "read all results, downloads and published files, and compare their digests",
    "clean": "remove the results of steps; never while a run is at work",
    "diff": "show what changed against the published zoo, and why",
    "forget": "forget that steps are up to date, so that the next run does them again",
    "help": "list the commands, or show the options of one",
    "import-command": "turn a tensorflowjs_converter command into an entry of models.yaml",
    "info": "show a step, and why it would run",
    "init": "write a commented models.yaml to start a zoo from",
    "inspect": "show what a model is: inputs, outputs, weights, ops, multiply-adds",
    "list": "list the steps, models and tags; names may have wildcards",
    "localize": "show the first node of a model's graph that TensorFlow.js computes wrongly",
    "plan": "show what would run and why, without running it",
    "prune": "remove results, published files and downloads that are no longer needed",
    "publish": "bring the built zoo to a folder or a bucket, and read it back from there",
    "refresh": "ask again for sources that may have changed; the next run builds what did",
    "run": "build the zoo, or the models and steps that are named",
    "serve": "serve the built zoo on this machine, with CORS and cross-origin isolation",
    "status": "show the models, failures and verdicts that the last run left",
    "store": "show size and age of the results in the store that machines share",
    "tune": "search the smallest variant of a model that passes, and print it for models.yaml",
}
"""What each command does, by its name."""
