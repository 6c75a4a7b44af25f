"""The workspace file: samples, replies, losses, outcomes and reviews.

`workspace` is where to start reading; `database` is the SQLite file below it, `schema` its tables. `reviews` holds a
person's decisions and `acts` undoes them, `leaving` says which version of each sample would be exported, and
`sample_list`, `distribution` and `overview` read both. A run, the export, the judge, the report and the interface
import it; of the engine it knows the method, the formats and the findings of an examination. SQL stands here and in
`engine.judge.record` only.
"""
