"""Helpers for all other packages: one-line errors, complete or absent files, quiet TensorFlow."""
