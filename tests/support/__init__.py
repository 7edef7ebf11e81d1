"""What the tests stand on: real servers as child processes, and clients that read well."""
