"""What people judge in a cluster, and what is found by that, kept for all searches of it."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from sakuin.cluster import manifest as manifests
from sakuin.cluster.dealing import home
from sakuin.cluster.manifest import ClusterManifest
from sakuin.cluster.places import Disk, Place, place_of
from sakuin.index.clusters import cluster_of
from sakuin.search.fusion import Fusion
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.judgements import Judgement, append, judgement_of, require_known


def cluster_at(folder: Path) -> Disk | None:
    """The cluster in a folder, or of a cluster.json; None where there is none."""
    found = cluster_of(folder)
    place = place_of(str(found)) if found else None
    return place if isinstance(place, Disk) else None


def judge(
    place: Place, query: str, document: str | None, *, answers: bool | None = True, passage: str | None = None
) -> Judgement:
    """Say whether a document answers a query, see `Index.judge`.

    Args:
        place: Of the cluster, in a folder.
        query: As asked.
        document: The id of a document, or a file; None for the whole cluster, with ``answers=False``.
        answers: Whether it answers; None withdraws what was said before.
        passage: Id of the passage that was seen.

    Raises:
        EvaluationError: the query is empty, the cluster has nothing of that name, it lies in a bucket, or it cannot be
            written.
        ClusterError: there is no cluster.
    """
    if not isinstance(place, Disk):
        raise EvaluationError(
            f"The cluster in {place.uri} is judged in a folder only, so nothing was noted: copy it to one "
            f"(`index cluster backup {place.uri} FOLDER`), and judge that."
        )
    shards = manifests.require(place).shards
    judgement = judgement_of(query, document, answers=answers, passage=passage)
    if document is not None:
        require_known(judgement, place.folder / shards[home(document, len(shards))].folder)
    append(place.folder, judgement)
    return judgement


def keep_fusion(place: Place, fusion: Fusion | None) -> None:
    """Fuse the legs so in every search of a cluster from now on; None for the default.

    Raises:
        ClusterError: there is no cluster, or somebody else is changing it.
    """
    _keep(place, lambda manifest: replace(manifest, fusion=asdict(fusion) if fusion else {}))


def keep_opinion(place: Place, name: str) -> None:
    """Ask a transformer for a second opinion in every hybrid search of a cluster from now on; "" for none.

    Raises:
        ClusterError: there is no cluster, or somebody else is changing it.
    """
    _keep(place, lambda manifest: replace(manifest, rerank=name))


def _keep(place: Place, change: Callable[[ClusterManifest], ClusterManifest]) -> None:
    manifests.require(place)
    with place.writing():
        before = manifests.require(place)
        manifests.commit(place, change(manifests.next_generation(before, before.shards)))
