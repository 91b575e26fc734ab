"""Gradient certificates: evidence that a gradient is right, or where and why it is not."""

from likeliest.certify.certificate import Certificate, CertifiedPart, Finding
from likeliest.certify.check import check_gradient
from likeliest.certify.likelihood import certify_objective

__all__ = ["Certificate", "CertifiedPart", "Finding", "certify_objective", "check_gradient"]
