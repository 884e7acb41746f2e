"""The parts of `tools/build_docs.py`, one for each kind of generated page."""
