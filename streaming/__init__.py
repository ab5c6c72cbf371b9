"""The streaming job: wire, producer, sources, rebuild, pipeline, sinks, progress, command line."""

from importlib.metadata import version

__version__ = version("soundgate")
