"""What CloudWatch Logs and S3 hand over becomes submissions. It may write them, and read nothing back."""
