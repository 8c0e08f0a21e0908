"""The client of a role's own sidecar: state, publish and service invocation over HTTP."""
