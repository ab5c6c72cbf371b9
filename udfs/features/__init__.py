"""Features of a track, for whoever explores or compares recordings: opt-in by name, out of the classifier's way."""

from udfs.features.extract import NAMES, Features, extract_features, parameters_of

__all__ = ["NAMES", "Features", "extract_features", "parameters_of"]
