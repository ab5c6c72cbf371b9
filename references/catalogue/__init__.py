"""The catalogue of recordings: what is known, whose it is and under which licence, from where; the index follows it."""
