"""What EventBridge Scheduler starts: one Chalice handler for each schedule of the catalogue."""
