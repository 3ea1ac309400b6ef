"""What the books know, as files that other programs and people can read; the schema is points-export/1.

files.py     an export from open books, the way in
rows.py      the rows of each table, some thousand at a time, from one snapshot
ruled.py     the rows of rules and of what they gave
writing.py   CSV and JSON Lines, streamed
sheets.py    Excel and Parquet, by pandas, up to a number of rows
bundle.py    everything, as a zip with a manifest
reads.py     an export is a read that goes on record
"""

from points_core.exports.bundle import write_everything
from points_core.exports.files import export
from points_core.exports.reads import noted
from points_core.exports.rows import Scope, count
from points_core.exports.writing import Format, write

__all__ = ["Format", "Scope", "count", "export", "noted", "write", "write_everything"]
