"""A teacher and a student over the nodes of a Ray cluster: each node's own models, asked from here.

Ray places the actors, carries what is said to them and back, and tells when a node is gone. `cluster` alone touches
it, and imports it when it connects: it is an extra, and takes a second to load.
"""
