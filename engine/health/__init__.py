"""This machine as burnish finds it, and every file burnish leaves on it.

`doctor` and `privacy` check it, `models_here` lists its models; `places` names every file burnish may leave, of which
`remembered` and `crash_log` write two. The command line and the app import from here. Start with `doctor`.
"""
