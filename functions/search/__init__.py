"""The Lambda function that reads chunks: entries by filters and by id."""
