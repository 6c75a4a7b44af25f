"""`burnish stats`: flags on samples, and how they are found."""
