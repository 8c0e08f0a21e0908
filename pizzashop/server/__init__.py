"""Serve roles over HTTP: the applications, the server and the OpenAPI documents."""
