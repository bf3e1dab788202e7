"""The slow, obvious twin of every fast algorithm, one file a family.

Plain Python and NumPy, written from the definition; nothing here imports olearn's kernels.
"""
