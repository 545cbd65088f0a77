"""How often things happen over time, and what they break down into."""
