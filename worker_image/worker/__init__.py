"""The Celery worker: thin entry points that bind the catalogue's tasks to the domain's code."""
