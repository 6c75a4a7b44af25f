"""The work behind the screens: the open workspace, a run and a judging over it. No widget; only `tui` imports it.

    the app's loop              threads, each a daemon                            processes
    ------------------------    ----------------------------------------------    -----------------------
    screens                     engine, an asyncio loop
    Workbench -- begin, call -->  Workspace (the only writer), Session, pipeline --> student (llama.cpp)
    RunJob    <-- events --------                                                --> teacher, if embedded
    JudgeJob  -- begin --------> engine of the judging, while there is one
              <-- events --------  Record, RecordedModel                         --> judge, if embedded
    ReaderThread -- questions -> reader
              <-- answers -------  SampleList (a connection that only reads)

- The app's loop owns the objects on the left. They are called from there alone, and never wait for a disk or a model.
- A thread owns what stands beside it: it is reached by a function that is handed over, never by a call from outside.
- The threads report by appending events to a deque; `Workbench.take_events` empties it ten times a second.
- A process belongs to the thread that started it, which ends it; `Job.abandon` kills the one whose thread hangs.
- Work that takes long and writes nothing here (an examination) has `on_daemon_thread`, a thread for that alone.

Start at `workbench`; `job` is the base of `run_job` and `judge_job`, `engine_thread` is how work is handed over.
"""
