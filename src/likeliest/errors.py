"""Every error and warning that likeliest raises, as one tree.

::

    LikeliestError
    ├── SpecificationError (ValueError)   the parts asked for do not fit together
    │   ├── UnknownNameError              no family, rule, link or data set of that name
    │   ├── ShapeError                    an array, θ or column of η has the wrong shape
    │   └── NotOnOfferError               a rule needs what this objective cannot give
    ├── InputError (ValueError)           the data given cannot be used as they are
    │   ├── SourceError                   a file or folder that cannot be read
    │   ├── TableError                    a table that cannot be read as one
    │   ├── ColumnError                   a column, with its name and row
    │   ├── TargetError                   the target column or array
    │   ├── SupportError                  y lies outside the family's support
    │   ├── ModelFileError                not a model file, or not one of ours
    │   ├── CheckpointError               not a checkpoint, or one of another fit
    │   └── CodeError                     a Python file of the user's that cannot be used, or fails
    └── OutputError (OSError)             a result could not be written

    LikeliestWarning (UserWarning)
    ├── ConvergenceWarning                a fit ended by budget, divergence or interruption
    ├── SeparationWarning                 the optimum lies at infinity: the classes are separable
    ├── AliasingWarning                   the optimum is not unique: columns depend on each other
    └── BoundaryWarning                   the optimum lies on the boundary of the parameter space

A message says what was needed, what was there, and what to do about it.
"""


class LikeliestError(Exception):
    """The root of every error raised on purpose by likeliest."""


class SpecificationError(LikeliestError, ValueError):
    """The parts asked for do not fit together."""


class UnknownNameError(SpecificationError):
    """No family, rule, link, model or data set goes by that name."""


class ShapeError(SpecificationError):
    """An array, θ or column of η has the wrong shape."""


class NotOnOfferError(SpecificationError):
    """A rule needs what this objective cannot give, or is run in a way it does not allow."""


class InputError(LikeliestError, ValueError):
    """The data given cannot be used as they are."""


class SourceError(InputError):
    """A file or folder cannot be read."""


class TableError(InputError):
    """A file cannot be read as a table."""


class ColumnError(InputError):
    """A column of a table cannot be used; the message names the column and, where it can, the row."""


class TargetError(InputError):
    """The target is missing, constant, or of a kind that cannot be predicted."""


class SupportError(InputError):
    """A value of y lies outside the family's support."""


class ModelFileError(InputError):
    """A file is not a model file, is damaged, or was written by a newer version."""


class CheckpointError(InputError):
    """A file is not a checkpoint, is damaged, or belongs to another fit."""


class CodeError(InputError):
    """A Python file of the user's cannot be used, or its code raised an error."""


class OutputError(LikeliestError, OSError):
    """A result could not be written; nothing that was there before has been touched."""


class LikeliestWarning(UserWarning):
    """The root of every warning issued by likeliest."""


class ConvergenceWarning(LikeliestWarning):
    """A fit ended by budget, divergence or interruption, short of an optimum."""


class SeparationWarning(LikeliestWarning):
    """The maximum of the likelihood lies at infinity, because the classes are separable."""


class AliasingWarning(LikeliestWarning):
    """The maximum of the likelihood is not unique, because columns depend on each other."""


class BoundaryWarning(LikeliestWarning):
    """The maximum of the likelihood lies on the boundary of the parameter space."""
