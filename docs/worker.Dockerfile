# Scheduler, workers and the machine of the run in one image, so that all have the same versions.
# docs/cluster.md says how to use it:  docker build -t tfjs-zoo -f docs/worker.Dockerfile .
FROM python:3.12-slim

# The browser of the step `browser`, and the wall that holds it; without them that step runs on a
# machine that has both.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap chromium \
    && rm -rf /var/lib/apt/lists/*

# By number, so that Kubernetes sees that the user is not root (`runAsNonRoot`).
RUN useradd --create-home --uid 1000 zoo
COPY . /opt/tfjs-zoo
RUN python -m pip install --no-cache-dir -c /opt/tfjs-zoo/constraints.txt "/opt/tfjs-zoo[dask,cloud,openvino]"

USER 1000
WORKDIR /home/zoo
# TensorFlow.js, so that workers need no network but the scheduler and the store; not its packages.
RUN python -m pipeline.runtime.tfjs_packages && rm -r .cache/tfjs-zoo/blobs
CMD ["dask", "worker", "tcp://scheduler:8786", "--nthreads", "2", "--death-timeout", "120"]
