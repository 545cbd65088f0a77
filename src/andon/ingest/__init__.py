"""A log on its way in: decoded, normalised, fingerprinted, recorded, its pictures fetched."""
