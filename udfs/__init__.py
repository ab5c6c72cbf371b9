"""Pure functions on bytes, arrays and an opened index: decode, examine, identify, decide.

Nothing here imports pyspark but :mod:`udfs.classify_udf`, which wraps the rest for Spark.
"""
