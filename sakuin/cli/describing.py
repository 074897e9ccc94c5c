"""The command that says what an index holds."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from sakuin.cli.language import phrase, say
from sakuin.cli.options import INDEX_OPTION
from sakuin.cli.output import clean, padded, readable_size, show_excluded, show_reasons, show_skipped, to_json


@click.command()
@INDEX_OPTION
@click.option("--files", is_flag=True, help="List every file with its number of documents.")
@click.option("--facets", is_flag=True, help="List the fields and values that `index search --where` can be given.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def info(folder: Path, files: bool, facets: bool, as_json: bool) -> None:
    """Say what the index holds and how it was made."""
    from dataclasses import asdict

    from sakuin.index.size import folder_bytes
    from sakuin.index.snapshot import open_index
    from sakuin.search.fusion import Fusion

    with closing(open_index(folder)) as snapshot:
        manifest = snapshot.manifest
        fusion = Fusion.of(manifest.fusion)
        documents = dict(snapshot.files())
        skipped, excluded = snapshot.skipped(), snapshot.excluded()
        facts: dict[str, Any] = {
            "index": str(folder),
            # A folder's name may be no UTF-8.
            "corpus": manifest.corpus.encode("utf-8", "backslashreplace").decode(),
            **snapshot.counts(),
            "dim": manifest.dim,
            "model": manifest.model or "default",
            "fingerprint": manifest.fingerprint,
            "analyser": manifest.analyser,
            "generation": manifest.generation,
            "segments": len(manifest.segments),
            "stale_terms": manifest.stale_terms,
            "fusion": {**asdict(fusion), "tuned": bool(manifest.fusion)},
            "rerank": manifest.rerank,
            "bytes": folder_bytes(folder),
            "skipped": [
                {"uri": item.uri, "documents": documents.get(item.uri, 0), "reason": item.reason.to_dict()}
                for item in skipped
            ],
        }
        if files:
            facts["files"] = [{"uri": uri, "documents": number} for uri, number in documents.items()]
            facts["excluded"] = [{"uri": item.uri, "reason": item.reason.to_dict()} for item in excluded]
        if facets:
            facts["fields"] = snapshot.field_names()
            facts["facets"] = [facet.to_dict() for facet in snapshot.facets()]
    if as_json:
        click.echo(to_json(facts))
        return
    facts["fusion"] = f"{say('tuned' if manifest.fusion else 'default')}: {phrase(str(fusion))}"
    partly = sum(documents.get(item.uri, 0) > 0 for item in skipped)
    if not files and len(skipped) > partly:
        facts["files"] = say(
            "{files}, of which nothing was taken from {n}", files=facts["files"], n=len(skipped) - partly
        )
    for name, value in facts.items():
        if not isinstance(value, list):
            shown = readable_size(value) if name == "bytes" else say("none") if value == "" else value
            click.echo(f"{padded(say(name), 12)} {shown}")
    show_skipped(skipped, partly, everything=files)
    if files and excluded:
        click.echo(say("Left out:  {n:,} by patterns", n=len(excluded)))
        show_reasons(excluded, len(excluded))
    else:
        show_excluded(len(excluded))
    for item in facts["files"] if files else ():
        click.echo(f"{item['documents']:8}  {clean(item['uri'])}")
    for field in facts["facets"] if facets else ():
        for item in field["values"]:
            click.echo(f"{item['documents']:8}  {clean(field['name'])}={clean(item['value'])}")
    if facets:
        listed = {field["name"] for field in facts["facets"]}
        others = [clean(name) for name in facts["fields"] if name not in listed]
        if others:
            told = "Other fields, of too many values to list or of one document: {fields}"
            click.echo(say(told, fields=", ".join(others)))
