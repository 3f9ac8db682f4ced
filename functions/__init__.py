"""Entry points on Lambda, thin: each folder is one function, `http` what those that speak HTTP share."""
