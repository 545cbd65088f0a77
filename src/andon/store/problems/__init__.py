"""Problems (a pattern with what is merged into it): joining and splitting them, their fixes, their overview."""
