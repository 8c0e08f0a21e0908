"""The Dapr sidecar of a role: the interface that the roles use, and its implementation over HTTP."""
