"""The maker of the sample corpus: real programs, run in a sandbox, with faults that we cause and label."""
