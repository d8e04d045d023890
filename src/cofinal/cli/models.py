"""`cofinal models`: the models that come with the package."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Models:
    """List the models that come with the package; `cofinal score NAME FEATURES` uses one."""

    def run(self) -> int:
        """Prints a line for each."""
        from cofinal.modelfolder.card import quality_line
        from cofinal.modelfolder.folder import load_model
        from cofinal.modelfolder.naming import SHIPPED, shipped_models

        names = shipped_models()
        if not names:
            print("No models come with this version; `cofinal train` makes one.")
        for name in names:
            _, info = load_model(SHIPPED / name)
            print(
                f"{name}: {info.preset.method} for {', '.join(info.task.targets)}, features of "
                f"{info.recipe.backbone or 'an unknown backbone'}, trained on "
                f"{info.trained_on.performances or '?'} performances of {info.trained_on.name}"
            )
            for quality in info.quality:
                print(f"  {quality_line(quality)}")
        return 0
