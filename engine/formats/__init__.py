"""The data: a dataset's files and rows, read and written.

`names` lists the formats: a format is a container (how rows lie in a file) with a layout (how a row holds a sample).
To add one, name it there; a new container gets a reader in `read` and a writer in `write`, a new layout its place in
`layouts`, which is where to start reading. `fields`, `roles` and `shapes` know what else datasets call and do with the
same parts, `encodings` and `packed` what a file's bytes may be. Everything of the engine but the method may import it.
"""
