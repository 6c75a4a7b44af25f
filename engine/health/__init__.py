"""`burnish doctor`: this machine, its models, and every file burnish may leave on it."""
