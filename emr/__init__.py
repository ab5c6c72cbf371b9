"""Packaging, submitting and watching the job on Amazon EMR."""
