"""Makes `import tiny_assignment` work."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
