"""Pictures. The only part of olearn, beside report.py, that imports matplotlib."""
