"""The shapes in which a refusal is told, one file for each kind of client."""
