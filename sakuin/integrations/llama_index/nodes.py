"""LlamaIndex's nodes, and what an index has for them."""

from llama_index.core.schema import BaseNode, MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from sakuin import Document as Stored
from sakuin.integrations.metadata import flattened
from sakuin.integrations.passages import passage_id, standing
from sakuin.search.results import Hit, Place

WHOLE = "_node_content"
"""The name under which LlamaIndex keeps a node, without its text, as JSON."""

OF_SEARCHES = ["start", "end", "score", "relevance"]
"""What language models need not be told of a passage."""


def as_stored(node: BaseNode) -> Stored:
    """A node as it is added to an index."""
    kept = node_to_metadata_dict(node, remove_text=True)
    # It writes the id of the node's document three times, under names of other stores.
    del kept["document_id"], kept["doc_id"]
    return Stored(id=node.node_id, text=node.get_content(MetadataMode.NONE), metadata=flattened(kept))


def as_node(stored: Stored) -> BaseNode:
    """A document of an index, whole."""
    if WHOLE in stored.metadata:
        return metadata_dict_to_node(dict(stored.metadata), text=stored.text)
    return TextNode(id_=stored.id, text=stored.text, metadata=dict(stored.metadata))


def found_node(hit: Hit, place: Place) -> BaseNode:
    """A passage: the node that was added, or one with where it stands in its document."""
    own = place.document.metadata
    if WHOLE in own:
        return metadata_dict_to_node(dict(own), text=hit.text)
    return TextNode(
        id_=passage_id(place),
        text=hit.text,
        metadata=standing(hit, place) | own,
        excluded_llm_metadata_keys=OF_SEARCHES,
        excluded_embed_metadata_keys=OF_SEARCHES,
        start_char_idx=place.start,
        end_char_idx=place.end,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=place.document.id)},
    )
