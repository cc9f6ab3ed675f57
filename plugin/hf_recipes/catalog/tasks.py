"""What the tasks of a recipe have in common. Engines define which names a recipe may use for them."""

from __future__ import annotations

IMAGE_TASKS = frozenset(
    {
        "image_binary_classification",
        "image_multi_class_classification",
        "image_single_column_regression",
        "image_object_detection",
        "vlm",
    }
)


def is_chat_trainer(task: str | None, trainer: str | None) -> bool:
    """Whether a trainer learns whole conversations, so that the model can be asked and measured."""
    return task == "lm_training" and trainer in (None, "default", "sft")
