"""Pages of the site that are files elsewhere in the repository, and links that lead to them.

Files are written once, for those who read them in the repository; a link in them is relative to where they are. On the
site a link to a page leads to the page, and one to a file that is no page loses its link but keeps its words.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PAGES = {
    "README.md": "index.md",
    "README.ja.md": "ja.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "embedder/default/README.md": "model-card.md",
}
SOURCES = {page: source for source, page in PAGES.items()}
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
PICTURE = re.compile(r'(!\[[^\]]*\]\(|src="|srcset=")([^)"\s]+)')
ELSEWHERE = re.compile(r"[a-z]+:|#")
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are files outside of docs/."""
    for source, page in PAGES.items():
        content = FRONT_MATTER.sub("", (ROOT / source).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links of the repository links of the site."""
    place = page.file.src_uri
    source = SOURCES.get(place, f"docs/{place}")

    def target(link: str) -> str | None:
        """Where a link leads on the site; None for a file that is no page."""
        path, mark, anchor = link.partition("#")
        found = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        on_site = PAGES.get(found) or found.removeprefix("docs/")
        if found != on_site and files.get_file_from_path(on_site):
            return posixpath.relpath(on_site, posixpath.dirname(place) or ".") + mark + anchor
        return None

    def linked(match: re.Match[str]) -> str:
        words, link = match.groups()
        if ELSEWHERE.match(link):
            return match[0]
        there = target(link)
        return f"[{words}]({there})" if there else words

    def drawn(match: re.Match[str]) -> str:
        return match[0] if ELSEWHERE.match(match[2]) else match[1] + (target(match[2]) or match[2])

    return PICTURE.sub(drawn, LINK.sub(linked, markdown))
