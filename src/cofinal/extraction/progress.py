"""Progress over videos and clips on a terminal, with the time left."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressBars:
    """Two bars on standard error, and a line for each broken video. A `many.Watcher`.

    Without a terminal only the lines for broken videos are written.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._done: dict[str, int] = {}

    def __enter__(self) -> ProgressBars:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def begin(self, videos: int, skipped: int, clips: int) -> None:
        """Shows both bars; `clips` is an estimate."""
        self._videos = self._bars.add_task(f"videos ({skipped} present)", total=videos)
        self._clips = self._bars.add_task("clips", total=clips)

    def clips(self, id: str, done: int, total: int) -> None:
        """Moves the bar of clips."""
        self._bars.advance(self._clips, done - self._done.get(id, 0))
        self._done[id] = done

    def video(self, id: str, error: str | None) -> None:
        """Moves the bar of videos, and says what is wrong with a broken one at once."""
        self._bars.advance(self._videos)
        if error is not None:
            self._console.print(f"skipped: {error}", markup=False, highlight=False, soft_wrap=True)
