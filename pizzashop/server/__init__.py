"""Serve roles over HTTP: the applications, the server, admission control and the OpenAPI documents."""
