"""Makes the networks of these tests importable by name."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # not first: other folders have a conftest too
