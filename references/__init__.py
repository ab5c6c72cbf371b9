"""What we know: building and updating the reference index, its catalogue, the demo recordings."""
