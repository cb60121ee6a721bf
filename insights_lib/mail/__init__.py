"""Reports go out by mail: what was sent to whom, the dialogue with the server, and the sending."""
