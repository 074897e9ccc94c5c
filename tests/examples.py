"""What many tests read: the example documents, and a text that tries to be more than text."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "corpus"
HOSTILE = (
    'needle <script>window.hacked = 1</script> <img src=x onerror="window.hacked = 1; alert(1)"> '
    "[click](javascript:window.hacked=1) $\\frac{a}{b}$ :smile: :red[colour] **bold** שלום ‮evil"
)
