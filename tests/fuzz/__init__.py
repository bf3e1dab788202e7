"""Damaged inputs by the thousand: ``python -m tests.fuzz --minutes 30``; a few in the everyday tests."""
