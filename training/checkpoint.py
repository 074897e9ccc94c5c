"""The state of a run between two steps, and the file it is kept in."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from sakuin.files import atomic_write
from sakuin.training.device import device
from sakuin.training.distillation import TeacherTexts
from sakuin.training.errors import TrainingError
from sakuin.training.recipe import Recipe
from sakuin.training.sampling import TokenPairs

CHECKPOINT = "checkpoint.safetensors"


class TrainingState:
    """What a run consists of between two steps: the table and AdamW's moments; exactly what a checkpoint holds.

    Attributes:
        table: float32 (vocabulary, width).
        step: Steps that were taken.
    """

    def __init__(self, table: torch.Tensor, step: int = 0) -> None:
        self.table = table
        self.step = step
        self.optimizer = torch.optim.AdamW([table], lr=0.0, weight_decay=0.0, fused=True)

    def update(self, gradient: torch.Tensor, rate: float) -> None:
        """Take one step of AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) without decay: cosines ignore lengths.

        Args:
            gradient: float32 (vocabulary, width).
            rate: Learning rate of the step.
        """
        self.table.grad = gradient
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        self.table.grad = None
        self.step += 1

    def save(self, path: Path, mark: torch.Tensor) -> None:
        """Write a checkpoint, in place of the last one.

        Args:
            path: The file.
            mark: Of the run, see `mark_of`.

        Raises:
            TrainingError: it cannot be written.
        """
        moments = self.optimizer.state_dict()["state"].get(0, {})
        try:
            tensors = {"table": self.table, "steps": torch.tensor(self.step), "recipe": mark}
            with atomic_write(path) as part:
                save_file(tensors | moments, part)
        except (OSError, SafetensorError) as error:
            raise TrainingError(
                f"Cannot write the checkpoint {path} ({error}): free some space (three tables of "
                f"{self.table.nbytes / 1e6:.0f} MB) and start again; the run goes on from the last checkpoint."
            ) from error

    @classmethod
    def load(cls, path: Path, mark: torch.Tensor) -> "TrainingState":
        """Read a checkpoint.

        Args:
            path: The file.
            mark: Of the run, see `mark_of`.

        Returns:
            The state after the last step before it was written.

        Raises:
            TrainingError: it is damaged, or of another run.
        """
        try:
            tensors = load_file(path, device=str(device()))
            if not torch.equal(tensors.pop("recipe").cpu(), mark):
                raise TrainingError(
                    f"{path} is of another recipe, or of other pairs: choose another --out, or delete it to start "
                    f"again."
                )
            state = cls(tensors.pop("table"), int(tensors.pop("steps")))
            shape = state.optimizer.state_dict()
            state.optimizer.load_state_dict({**shape, "state": {0: tensors} if tensors else {}})
            return state
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise TrainingError(f"{path} is damaged ({error}): delete it to start the run again.") from error


def mark_of(recipe: Recipe, sources: Sequence[TokenPairs], teacher: TeacherTexts | None) -> torch.Tensor:
    """A hash of a recipe and its texts, uint8 (32,), by which a checkpoint is known to be of them.

    What is done to the table after the last step, or said of it, is left out: it may be changed and tried again.
    """
    digest = hashlib.sha256(repr(replace(recipe, notes="", whiten=0.0, rotation_steps=0)).encode())
    texts = [side for pairs in sources for side in (pairs.queries, pairs.passages, pairs.negatives)]
    for side in [*texts, teacher.texts] if teacher else texts:
        digest.update(side.keys.tobytes() + b"|")
    return torch.tensor(list(digest.digest()), dtype=torch.uint8)
