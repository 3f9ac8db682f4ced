"""What runs on ECS: the Celery worker."""
