"""What the pages of `app.py` are drawn with.

From below: `words` (texts in two languages), `map_points`, `html` (pieces of pages), `charts`, `widgets`, `pages`.
"""

from pathlib import Path

ASSETS = Path(__file__).with_name("assets")
"""Style sheets, scripts and pictures."""
