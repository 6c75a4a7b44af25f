"""The command line: one file a command, its options and its body together.

Read `main` first (the group, signals, exit codes), then `run`. `options` renders the settings as options; `refining` is
what the commands that refine or show a workspace share; `console` and `progress` write. A command imports the engine in
its body, so that `--help` answers at once. Only `tui.__main__` imports from here; the app does not.
"""
