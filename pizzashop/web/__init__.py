"""What every role's HTTP interface shares: request bodies, errors and dependencies."""
