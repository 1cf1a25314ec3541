"""How long things take, on services of their own."""
