"""How the shipped model is made: needs the `train` extra, and nothing that serves imports it."""
