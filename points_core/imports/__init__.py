"""Points brought along from elsewhere: a file is read, tried without writing, and becomes one batch.

reading.py    a file's bytes as rows, or a refusal that names the row; hostile files stop here
sources.py    whose file it is, and what its columns mean
wishes.py     a row's cells as what is to be imported
marks.py      under what an imported file is known again
planning.py   what the rows come to in this community
acting.py     the dry run, and the batch
"""

from points_core.imports.acting import Mode, Options, Preview, preview, run
from points_core.imports.planning import Change
from points_core.imports.reading import MAX_BYTES, Opened, opened
from points_core.imports.sources import Source

__all__ = [
    "MAX_BYTES",
    "Change",
    "Mode",
    "Opened",
    "Options",
    "Preview",
    "Source",
    "opened",
    "preview",
    "run",
]
