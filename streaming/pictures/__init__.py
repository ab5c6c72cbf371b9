"""Figures drawn from the plain data of `streaming.look`: the same on the command line, in the notebooks, on the page.

Figures are made without pyplot, whose global state neither threads nor notebooks should share.
"""
