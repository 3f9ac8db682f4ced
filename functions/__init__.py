"""Entry points on Lambda, thin: each folder is one function, `http` what those that speak HTTP share."""

import gc

# What a function makes while it starts stays. To look through all of it for garbage after each 700 objects, Python's
# usual number, took a tenth of a cold start.
gc.set_threshold(50_000)
