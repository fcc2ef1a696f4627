"""Requests of OTLP read by columns: bytes, fields, attributes, then spans and log records."""
