"""The whole of Oddline on one machine: PostgreSQL and Valkey from wheels, our programs, one supervisor."""
