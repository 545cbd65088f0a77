"""Which logs are the same problem: fingerprints, late merging, likeness. Pure functions and small objects, no I/O."""

from andon.grouping.codes import CodeRules
from andon.grouping.fingerprint import Fingerprinter
from andon.grouping.merge import Merger
from andon.grouping.similar import SimilarIndex

__all__ = ["CodeRules", "Fingerprinter", "Merger", "SimilarIndex"]
