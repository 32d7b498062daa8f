"""The commands of `doit` and `tfjs-zoo`: run, plan, inspect, publish and the others."""
