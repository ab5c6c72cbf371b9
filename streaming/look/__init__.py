"""What people look at, as plain data: what the tables say over time, and one upload's sound in depth; without Spark.

The command line, the notebooks and the page all look through this package and draw with `streaming.pictures`.
"""
