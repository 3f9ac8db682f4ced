"""The registry of models: which there are, which of them scores, how a worker changes over, what a shadow says."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.scoring.registry.adding import add_model
    from oddline.scoring.registry.comparison import shadow_report
    from oddline.scoring.registry.fetching import ModelCache
    from oddline.scoring.registry.model import Choice, StoredModel
    from oddline.scoring.registry.service import (
        failing_models,
        find_model,
        list_changes,
        list_models,
        promote,
        read_choice,
        rollback,
        set_shadow,
    )
    from oddline.scoring.registry.shadow import Shadow
    from oddline.scoring.registry.switching import ModelSwitch

__all__ = [
    "Choice",
    "ModelCache",
    "ModelSwitch",
    "Shadow",
    "StoredModel",
    "add_model",
    "failing_models",
    "find_model",
    "list_changes",
    "list_models",
    "promote",
    "read_choice",
    "rollback",
    "set_shadow",
    "shadow_report",
]

__getattr__ = face(
    __name__,
    {
        "adding": ["add_model"],
        "comparison": ["shadow_report"],
        "fetching": ["ModelCache"],
        "model": ["Choice", "StoredModel"],
        "service": [
            "failing_models",
            "find_model",
            "list_changes",
            "list_models",
            "promote",
            "read_choice",
            "rollback",
            "set_shadow",
        ],
        "shadow": ["Shadow"],
        "switching": ["ModelSwitch"],
    },
)
