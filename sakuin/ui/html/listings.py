"""Documents of an index, and what became of changes to it, as HTML."""

from collections.abc import Mapping, Sequence
from html import escape

from sakuin.index.documents import Skipped, expected_last
from sakuin.index.report import Report
from sakuin.index.store.listing import ListedDocument, ListedPassage
from sakuin.index.uploads import Uploaded
from sakuin.search.results import located
from sakuin.search.similar import SimilarDocument
from sakuin.ui.html.excerpts import marked_runs
from sakuin.ui.html.pieces import MAX_EXCERPT, MAX_SKIPPED, coloured_text, dated, described, facts, isolated, message
from sakuin.ui.words import Words

MAX_REMOVED = 8


def figures(counts: Mapping[str, int], words: Words) -> str:
    """How much an index holds."""
    names = {"documents": "documents", "passages": "passages", "files": "files", "duplicates": "repeated"}
    items = "".join(
        f'<div><b>{counts[key]:,}</b><span class="soft small">{escape(words(name))}</span></div>'
        for key, name in names.items()
        if counts[key] or key != "duplicates"
    )
    return f'<div class="sk sk-figures">{items}</div>'


def skipped_files(skipped: Sequence[Skipped], number: int, words: Words) -> str:
    """Files that were left out, with the reasons; ``number`` of them in all."""
    items = "".join(
        f'<li style="margin-bottom: .5rem"><span class="code">{isolated(item.uri)}</span><br>'
        f"{isolated(words.reason(item.reason))}</li>"
        for item in skipped
    )
    if number > len(skipped):
        items += f"<li>{escape(words('more', n=number - len(skipped)))}</li>"
    return f'<div class="sk small"><ul>{items}</ul></div>'


def listed_document(document: ListedDocument, words: Words) -> str:
    """A document in a list."""
    return (
        f'<div class="sk sk-doc"><b>{isolated(document.title)}</b><div class="soft small">'
        f'<span class="code">{isolated(document.id)}</span> · {escape(extent(document, words))}</div></div>'
    )


def extent(document: ListedDocument, words: Words) -> str:
    """How long a document is."""
    number = words("passage_count_one" if document.passages == 1 else "passage_count", n=f"{document.passages:,}")
    return f"{number} · {words('character_count', n=f'{document.characters:,}')}"


def document_facts(document: ListedDocument, metadata: Mapping[str, object], words: Words) -> str:
    """A document's title, name and size, and what its file says of it."""
    rows = [(words("document_file"), document.file)] if document.file != document.id else []
    rows += described(metadata, words)
    more = f"<details><summary>{escape(words('of_document'))} ({len(rows)})</summary>{facts(rows)}</details>"
    date = "".join(f" · {isolated(date)}" for date in [dated(metadata)] if date)
    return (
        f'<div class="sk sk-opened"><h2>{isolated(document.title)}</h2><p class="soft small"><span class="code">'
        f"{isolated(document.id)}</span>{date} · {escape(extent(document, words))}</p>{more if rows else ''}</div>"
    )


def passages(
    listed: Sequence[ListedPassage],
    marks: Sequence[Sequence[tuple[int, int]]],
    chosen: int | None,
    words: Words,
) -> str:
    """Passages of a document with where each begins and ends.

    Args:
        listed: In their order.
        marks: Spans of each one's text that are marked: sorted, disjoint.
        chosen: Number of the passage that is set apart; None for none.
        words: Of the language.
    """
    items = []
    for passage, spans in zip(listed, marks, strict=True):
        parts = [", ".join(map(words.fact, located(passage.position)))] if passage.position else []
        parts.append(words("character_range", start=f"{passage.start + 1:,}", end=f"{passage.end:,}"))
        if passage.places > 1:
            parts.append(words("more_places", n=passage.places - 1))
        heading = isolated(passage.heading) if passage.heading else escape(words("no_heading"))
        kind = "sk-passage chosen" if passage.number == chosen else "sk-passage"
        items.append(
            f'<li class="{kind}"><div class="soft small"><span class="sk-no">{passage.number}</span> '
            f"{escape(' · '.join(parts))} · {heading}</div>"
            f'<p class="sk-text" dir="auto">{coloured_text(marked_runs(passage.text, spans), 0.0)}</p></li>'
        )
    return f'<div class="sk"><h3>{escape(words("passages_of"))}</h3><ol class="sk">{"".join(items)}</ol></div>'


def similar_document(similar: SimilarDocument, words: Words) -> str:
    """A document near another, with the passage that is nearest."""
    document, nearest = similar.document, similar.nearest
    where = "".join(f" · {escape(words.fact(each))}" for each in located(nearest.position))
    return (
        f'<div class="sk sk-doc"><b>{isolated(document.title or document.id)}</b><div class="soft small">'
        f'<span class="code">{isolated(document.id)}</span>{where} · '
        f"{escape(words('cosine', score=f'{similar.score:.3f}'))}</div>"
        f'<p class="sk-lines" dir="auto">{escape(nearest.text[:MAX_EXCERPT])}</p></div>'
    )


def removal(chosen: Sequence[ListedDocument], words: Words) -> str:
    """What is about to be removed."""
    items = "".join(
        f'<li class="sk-doc"><b>{isolated(document.title)}</b><div class="soft code">{isolated(document.id)}</div></li>'
        for document in chosen[:MAX_REMOVED]
    )
    if len(chosen) > MAX_REMOVED:
        items += f'<li class="soft">{escape(words("more", n=len(chosen) - MAX_REMOVED))}</li>'
    return f'<div class="sk small"><ul class="sk-list">{items}</ul></div>'


def consequences(kinds: Sequence[tuple[str, int]], words: Words) -> str:
    """What becomes of what is removed: keys of words, and how many each holds for."""
    items = "".join(f"<p>{escape(words(name, n=number))}</p>" for name, number in kinds)
    return f'<div class="sk"><div class="sk-note" role="status">{items}</div></div>'


def changed(outcome: Uploaded | Report, words: Words) -> str:
    """What came of an addition or a removal."""
    if isinstance(outcome, Report):
        return message(words("removed_title"), words("removed", documents=f"{outcome.documents:,}"))
    parts = []
    if outcome.kept and outcome.report:
        report = outcome.report
        parts.append(
            message(
                words("added_title", n=len(outcome.kept)),
                words("added", passages=f"{report.new_passages:,}", documents=f"{report.documents:,}"),
            )
        )
        rows = [(name, uri) for name, uri in outcome.kept[:MAX_SKIPPED] if not uri.endswith(f"/{name}")]
        if rows:
            parts.append(f'<div class="sk"><h3>{escape(words("added_as"))}</h3>{facts(rows)}</div>')
    else:
        parts.append(message(words("added_none_title"), ""))
    if outcome.skipped:
        parts.append(f'<div class="sk"><h3>{escape(words("added_skipped"))}</h3></div>')
        parts.append(skipped_files(expected_last(outcome.skipped)[:MAX_SKIPPED], len(outcome.skipped), words))
    return "".join(parts)
