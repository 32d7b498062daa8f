# Scheduler, workers and the machine of the run in one image, so that all have the same versions.
# docs/cluster.md says how to use it:  docker build -t tfjs-zoo -f docs/worker.Dockerfile .
FROM python:3.12-slim

# The browser of the step `browser`; without it that step runs on a machine that has one.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home zoo
WORKDIR /opt/tfjs-zoo
COPY . .
RUN python -m pip install --no-cache-dir -c constraints.txt -e ".[dask,cloud,openvino]"

USER zoo
# TensorFlow.js, so that workers need no network but the scheduler and the store.
RUN python -m pipeline.runtime.tfjs_packages
WORKDIR /home/zoo
CMD ["dask", "worker", "tcp://scheduler:8786", "--nthreads", "2", "--death-timeout", "120"]
