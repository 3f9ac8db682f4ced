"""Takes submissions over HTTP. It may write them, and read nothing back."""
