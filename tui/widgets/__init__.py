"""What more than one screen shows, or what is an idea of its own."""
