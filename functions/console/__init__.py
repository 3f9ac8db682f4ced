"""The Lambda function that shows and settles what rows hold: tasks, health, sources, settings, odd entries."""
