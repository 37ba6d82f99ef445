"""Recognisers: one class for each entity, bounded in time; `registry` lists them.

Nothing is imported here: most need Presidio, which takes seconds to load.
"""
