"""Oddline reads logs and points at the odd lines."""

import os

# ONNX Runtime tells Microsoft of each process and model unless this is set before it loads
# (https://github.com/microsoft/onnxruntime/pull/27379). Nothing of a deployment leaves it unasked.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
