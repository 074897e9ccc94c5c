"""Small files of all formats, with the word 見積 in each: made in memory, as the programs that write them do."""

import io
from collections.abc import Callable

import docx

from tests.index.test_readers import make_pdf


def word_file() -> bytes:
    word = docx.Document()
    word.add_heading("見積の手引き", 1)
    word.add_paragraph("見積は三十日の間有効です。")
    out = io.BytesIO()
    word.save(out)
    return out.getvalue()


SAMPLES: dict[str, Callable[[], bytes]] = {
    "a.txt": lambda: "見積の手引き\n\n有効な期間は三十日です。\n".encode(),
    "a.py": lambda: "# 見積\nprint(1)\n".encode(),
    "a.md": lambda: "# 見積\n\n本文です。\n".encode(),
    "a.html": lambda: "<title>題</title><h1>見積</h1><p>本文です。".encode(),
    "a.csv": lambda: "題名,本文\n一,見積です。\n二,請求です。\n".encode(),
    "a.jsonl": lambda: '{"id": 1, "text": "見積です。"}\n{"text": "請求です。"}\n'.encode(),
    "a.pdf": lambda: make_pdf([["見積です。"], ["次の頁です。"]]),
    "a.docx": word_file,
}
