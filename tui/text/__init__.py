"""Results, states and hostile text in words that can be shown, on a terminal and on a screen."""
