"""What the app works on, away from every widget: the engine's thread, the reader, runs and judgings under way."""
