"""Pictures: from files, tables and arrays to labelled bytes in memory, and from those to one tensor of one size.

::

    read_pictures -> Pictures -> split, near_duplicates
                              -> ImageEncoder.learn -> encode -> x uint8 (n, H, W, C)

A picture that cannot be read is left out and told of; a source of which most cannot be read is refused.
"""

from likeliest.data.images.arrays import pictures_of_arrays
from likeliest.data.images.encoder import ImageEncoder
from likeliest.data.images.export import write_folder
from likeliest.data.images.flat import FlatPixels
from likeliest.data.images.neighbours import NearDuplicates, near_duplicates
from likeliest.data.images.pictures import LARGEST, Pictures
from likeliest.data.images.source import is_pictures, read_pictures
from likeliest.data.problems import Problem

__all__ = [
    "LARGEST",
    "FlatPixels",
    "ImageEncoder",
    "NearDuplicates",
    "Pictures",
    "Problem",
    "is_pictures",
    "near_duplicates",
    "pictures_of_arrays",
    "read_pictures",
    "write_folder",
]
