"""A preload that takes its time, as TensorFlow does on a slow disk."""

import time

time.sleep(30)
