"""The builders behind `tools/build_assets.py`: one module per asset, and what they share."""
