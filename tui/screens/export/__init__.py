"""The Export screen: the form of what leaves and whereto, a preview, and the writing of the file.

Start reading at `screen`; `rule_list` is the choice of an export rule, `row_text` a row of the preview. What is
written is decided in `engine.export`. Imported by `tui.app` alone.
"""
