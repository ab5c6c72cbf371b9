"""Walkers that account for every byte of a file: sound, known tag, picture, padding, or unexplained."""
