"""Is it sound? Undo the mapping, look at what comes out, and weigh the evidence."""
