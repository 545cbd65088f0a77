"""Pictures that come with logs: finding and checking them (no library needed), and making them smaller (Pillow)."""
