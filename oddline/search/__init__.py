"""Search: patterns by what they mean, by their words, and by values in their entries."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.search.embedder import Embedder
    from oddline.search.embedding import TURN, embed_all, embed_project
    from oddline.search.model import LONGEST_QUESTION, MOST_ENTRIES, MOST_HITS, Found, Question
    from oddline.search.searching import Searcher
    from oddline.search.store import forget_vectors
    from oddline.search.tasks import EMBED_NEW_PATTERNS, GENERATE_EMBEDDINGS, TASKS

__all__ = [
    "EMBED_NEW_PATTERNS",
    "GENERATE_EMBEDDINGS",
    "LONGEST_QUESTION",
    "MOST_ENTRIES",
    "MOST_HITS",
    "TASKS",
    "TURN",
    "Embedder",
    "Found",
    "Question",
    "Searcher",
    "embed_all",
    "embed_project",
    "forget_vectors",
]

__getattr__ = face(
    __name__,
    {
        "embedder": ["Embedder"],
        "embedding": ["TURN", "embed_all", "embed_project"],
        "model": ["LONGEST_QUESTION", "MOST_ENTRIES", "MOST_HITS", "Found", "Question"],
        "searching": ["Searcher"],
        "store": ["forget_vectors"],
        "tasks": ["EMBED_NEW_PATTERNS", "GENERATE_EMBEDDINGS", "TASKS"],
    },
)
