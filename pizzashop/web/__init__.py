"""What the HTTP interfaces of all roles share: route declarations, request bodies, errors and dependencies."""
