"""Language, colours and the parts of figures."""
