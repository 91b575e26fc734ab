"""Tables: from a file to checked columns, from columns to a matrix, from a target to y; rows to learn and to test on.

::

    read_table -> frame -> Target.learn, TableEncoder.learn -> encode -> x, y
                        -> split, duplicates_across

Pictures, recordings and prices have packages of their own, `likeliest.data.images`, `sounds` and `prices`. Everything
learnt is a small value with ``to_json`` and ``from_json``, because it lives in the model file. Nothing here needs torch
but recordings of unequal length: matrices are NumPy's float64, pictures its uint8, sounds its int16.
"""

from likeliest.data.catalogue import Entry, Examples, catalogue, load_named
from likeliest.data.cells import MISSING
from likeliest.data.choosing import find_target, rows_with_target
from likeliest.data.duplicates import Duplicates, duplicates_across
from likeliest.data.encoder import TableEncoder
from likeliest.data.images import (
    LARGEST,
    ImageEncoder,
    NearDuplicates,
    Pictures,
    Problem,
    is_pictures,
    near_duplicates,
    pictures_of_arrays,
    read_pictures,
    write_folder,
)
from likeliest.data.prices import Prices, PriceSeries, read_prices
from likeliest.data.sounds import (
    Recordings,
    SoundEncoder,
    TextRules,
    is_recordings,
    join_recordings,
    pauses,
    read_recordings,
    recordings_of_arrays,
    write_recordings,
)
from likeliest.data.split import GroupSplit, Split, split, split_by_group
from likeliest.data.tables import read_table
from likeliest.data.target import Target

__all__ = [
    "LARGEST",
    "MISSING",
    "Duplicates",
    "Entry",
    "Examples",
    "GroupSplit",
    "ImageEncoder",
    "NearDuplicates",
    "Pictures",
    "PriceSeries",
    "Prices",
    "Problem",
    "Recordings",
    "SoundEncoder",
    "Split",
    "TableEncoder",
    "Target",
    "TextRules",
    "catalogue",
    "duplicates_across",
    "find_target",
    "is_pictures",
    "is_recordings",
    "join_recordings",
    "load_named",
    "near_duplicates",
    "pauses",
    "pictures_of_arrays",
    "read_pictures",
    "read_prices",
    "read_recordings",
    "read_table",
    "recordings_of_arrays",
    "rows_with_target",
    "split",
    "split_by_group",
    "write_folder",
    "write_recordings",
]
