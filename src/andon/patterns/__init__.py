"""Which logs are the same problem: fingerprints, late merging, likeness. Pure functions and small objects, no I/O."""

from andon.patterns.codes import CodeRules
from andon.patterns.fingerprint import Fingerprinter
from andon.patterns.merge import Merge, Merger
from andon.patterns.similar import SimilarIndex

__all__ = ["CodeRules", "Fingerprinter", "Merge", "Merger", "SimilarIndex"]
