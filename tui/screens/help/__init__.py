"""The Help screen: every action with its keys, from the registry in `tui.keys.actions`. Imported by `tui.app` alone."""
