"""How a report is shown: language, colours and the parts of charts."""
