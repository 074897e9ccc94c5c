"""HTML in Markdown: what is mark-up and what is text, such as a tag that a sentence is about, or a <placeholder>.

A browser would hide what no element of HTML is, and everything behind an element that is never closed. Of the
definitions of links those are text that lead to nothing that looks like an address: ``[^1]: 会社法による。``
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sakuin.index.readers.html_elements import (
    FORMATTING,
    KNOWN,
    LINES,
    NEVER_NESTED,
    PARAGRAPHS,
    RAW,
    SECTIONS,
    UNSEEN,
    VOID,
)

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token

_TAG = re.compile(
    r"<!--.*?-->|<(script|style)\b[^>]*>.*?</\1\s*>"
    r"|<(?P<closing>/?)(?P<name>[a-zA-Z][\w:.-]*)(?P<attributes>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*?)(?P<empty>/?)>",
    re.S | re.I,
)
_WRITTEN_ALONE = frozenset({"br", "hr", "wbr", "img"})
_LAYOUT = FORMATTING | frozenset({"div", "span", "center", "p", "table", "tr", "td", "th", "section", "article"})
_HIDING = RAW | UNSEEN | {"plaintext"}
_OF_PAGES = _HIDING | ((PARAGRAPHS | LINES | SECTIONS) - _LAYOUT)
_CODE = re.compile(r"[;{}()=]")
_CLOSED_BY = {
    "<script": "</script>", "<style": "</style>", "<pre": "</pre>", "<textarea": "</textarea>", "<!--": "-->",
    "<?": "?>", "<![cdata[": "]]>", "<!": ">",
}  # fmt: skip
_FENCE = ":::"
_DEFINITION = re.compile(r"\[([^\]\n]{1,999}+)\]:[ \t]*(<[^<>\n]*>|\S+)?")
_ADDRESS = re.compile(
    r"<|[a-z][a-z\d+.-]*:(?=\S)|[/.#?]|[!-~]*[/.#?=&%:@][!-~]*\Z|\S+/\S*\Z|\S+\.[a-z\d]{1,5}(?:#\S*)?\Z", re.I
)
_LONGEST_ADDRESS = 2000
_SENTENCE = re.compile("[。、！？]")


@dataclass(slots=True, kw_only=True)
class _Tag:
    token: "Token"
    start: int
    end: int
    written: str
    name: str
    has_attributes: bool
    is_closing: bool
    is_empty: bool
    is_alone: bool
    is_matched: bool = False


def add_rules(markdown: "MarkdownIt") -> None:
    """Let the parser take for text what only looks like the beginning of HTML or like a link's definition."""
    from markdown_it.rules_block import html_block, reference

    def closed_html(state: "StateBlock", start: int, end: int, silent: bool) -> bool:
        at = state.bMarks[start] + state.tShift[start]
        if not state.src.startswith("<", at):
            return False
        line = state.src[at : state.eMarks[start]].lower()
        opening = next((each for each in _CLOSED_BY if line.startswith(each)), "")
        if opening and not _is_closed(state, opening, state.bMarks[start]):
            return False
        return bool(html_block(state, start, end, silent))

    def address(state: "StateBlock", start: int, end: int, silent: bool) -> bool:
        at = state.bMarks[start] + state.tShift[start]
        if not state.src.startswith("[", at):
            return False
        match = _DEFINITION.match(state.src[at : state.eMarks[start]])
        if match and not _is_address(match[1], match[2] or ""):
            return False
        return bool(reference(state, start, end, silent))

    markdown.block.ruler.at("html_block", closed_html, {"alt": ["paragraph", "reference", "blockquote"]})
    markdown.block.ruler.at("reference", address, {"alt": []})


def _is_closed(state: "StateBlock", opening: str, at: int) -> bool:
    """Whether a piece of HTML ends before the file does, of which it would take the rest."""
    never = state.env.setdefault("never_closed", set())
    if opening not in never:
        if "lower" not in state.env:
            state.env["lower"] = state.src.lower()
        if state.env["lower"].find(_CLOSED_BY[opening], at) >= 0:
            return True
        never.add(opening)
    return False


def _is_address(label: str, destination: str) -> bool:
    if label.startswith("^"):
        return False
    if not destination:
        return True  # it stands on the next line
    if len(destination) > _LONGEST_ADDRESS:
        return True  # of words that long, none is text; and the pattern takes time with the square of the length
    return _ADDRESS.match(destination) is not None and (
        destination.startswith("<") or not _SENTENCE.search(destination)
    )


def tell_text_from_tags(tokens: Sequence["Token"]) -> None:
    """Change HTML in the tokens of a document so that only real mark-up is left as such."""
    for token in tokens:
        # Of the texts of most paragraphs one look is enough.
        if token.children and "<" in token.content:
            _tell_inline(token.children)
        if token.children and "\n[" in token.content:
            _break_before_definitions(token.children)
        if token.children and _FENCE in token.content:
            _break_around_fences(token.children)
    blocks = [token for token in tokens if token.type == "html_block"]
    tags = [tag for token in blocks for tag in _tags(token)]
    _match(tags)
    is_in_svg = any(tag.name == "svg" for tag in tags)
    depth = 0
    texts: dict[int, list[_Tag]] = {}
    for tag in tags:
        depth -= tag.is_matched and tag.is_closing
        if not _is_markup(tag, depth) and not (is_in_svg and tag.name == "title"):
            texts.setdefault(id(tag.token), []).append(tag)
        depth += tag.is_matched and not tag.is_closing
    for token in blocks:
        for tag in reversed(texts.get(id(token), [])):
            written = html.escape(token.content[tag.start : tag.end])
            token.content = f"{token.content[: tag.start]}{written}{token.content[tag.end :]}"


def _tags(token: "Token") -> Iterator[_Tag]:
    content = token.content
    for match in _TAG.finditer(content):
        if match["name"]:
            line = content[content.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0]
            yield _Tag(
                token=token,
                start=match.start(),
                end=match.end(),
                written=match["name"],
                name=match["name"].lower(),
                has_attributes=bool(match["attributes"].strip()),
                is_closing=bool(match["closing"]),
                is_empty=bool(match["empty"]),
                is_alone=line.strip() == match[0],
            )


def _match(tags: Sequence[_Tag]) -> None:
    """Find the end of each tag that has one."""
    opened: dict[str, list[_Tag]] = {}
    for tag in tags:
        if not tag.is_closing and not tag.is_empty:
            opened.setdefault(tag.name, []).append(tag)
        elif tag.is_closing and opened.get(tag.name):
            tag.is_matched = opened[tag.name].pop().is_matched = True


def _is_markup(tag: _Tag, depth: int) -> bool:
    """Whether a tag in a block of HTML is one, within so many elements that are closed."""
    name = tag.name
    if name not in KNOWN:
        return "-" in name or tag.is_empty or (tag.is_matched and tag.written[0].isupper())
    if name == "title":
        return False
    is_listed = tag.is_alone and tag.token.level > 0 and not tag.has_attributes  # "- <br>", in a list of tags
    if name in VOID:
        return depth > 0 or tag.has_attributes or (name in _WRITTEN_ALONE and not is_listed)
    if tag.is_matched:
        return True
    if name in _HIDING:
        return False  # it would hide what follows
    if tag.is_closing or tag.has_attributes or (name in NEVER_NESTED and depth > 0):
        return True
    return tag.is_alone and not is_listed and name in _LAYOUT


def _tell_inline(children: Sequence["Token"]) -> None:
    """The same within a paragraph, in whose prose most tags are what it is about."""
    tags = [tag for child in children if child.type == "html_inline" for tag in _tags(child)]
    _match(tags)
    kept = {id(tag.token) for tag in tags if _is_inline_markup(tag)}
    _keep_tags_in_prose(children, tags, kept)
    for tag in tags:
        if id(tag.token) not in kept:
            tag.token.type = "text"
        elif not tag.is_matched and tag.name not in VOID:
            tag.token.content = ""


def _break_before_definitions(children: Sequence["Token"]) -> None:
    """Keep lines apart where a note begins, or what looks like the definition of a link."""
    for child, following in pairwise(children):
        if child.type == "softbreak" and _DEFINITION.match(following.content):
            child.type = "hardbreak"


def _break_around_fences(children: Sequence["Token"]) -> None:
    """Keep the lines apart that begin and end a note, as in Docusaurus and Zenn; the end itself is no word."""
    for number, child in enumerate(children):
        beside = (children[number - 1 : number] or children[:0]), children[number + 1 : number + 2]
        if child.type == "softbreak" and any(each.content.startswith(_FENCE) for pair in beside for each in pair):
            child.type = "hardbreak"
    for child in children:
        if child.type == "text" and not child.content.strip(":"):
            child.content = ""


def _is_inline_markup(tag: _Tag) -> bool:
    if tag.name in _WRITTEN_ALONE:
        return tag.name != "img" or tag.has_attributes
    if tag.is_matched:
        return tag.name in KNOWN
    return tag.name in _LAYOUT and (tag.has_attributes or tag.is_closing)


def _keep_tags_in_prose(children: Sequence["Token"], tags: Sequence[_Tag], kept: set[int]) -> None:
    """Take for text the tags of elements that no sentence has in it, where one stands there: "from <nav> to </nav>"."""
    places = {id(child): number for number, child in enumerate(children)}
    opened: dict[str, int] = {}
    for tag in tags:
        if not tag.is_matched or tag.name not in _OF_PAGES:
            continue
        if not tag.is_closing:
            opened[tag.name] = id(tag.token)
        elif tag.name in opened:
            begin = opened.pop(tag.name)
            words = "".join(child.content for child in children[places[begin] + 1 : places[id(tag.token)]])
            if words.strip() and not _CODE.search(words):
                kept -= {begin, id(tag.token)}
