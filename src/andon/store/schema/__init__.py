"""Tables, columns and the differences between the two dialects."""
