"""The small web shop whose parts write the application logs of the sample corpus."""
