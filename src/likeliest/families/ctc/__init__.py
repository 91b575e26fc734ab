"""Connectionist temporal classification: texts given frames, their alignments, and what can be asked of them."""

from __future__ import annotations

from likeliest.families.ctc.align import Alignment, align, posteriors
from likeliest.families.ctc.family import CTC
from likeliest.families.ctc.shared import shared_frame
from likeliest.families.ctc.texts import check_alignable, collapse, frames_needed, lengths_of

__all__ = [
    "CTC",
    "Alignment",
    "align",
    "check_alignable",
    "collapse",
    "frames_needed",
    "lengths_of",
    "posteriors",
    "shared_frame",
]
