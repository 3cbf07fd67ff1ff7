"""The HTTP server: who may ask, what goes wrong on demand, and the control endpoint."""
