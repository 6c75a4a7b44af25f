"""The report of a run, rendered as a page (`html`, page.html, page.css) and on the terminal (`terminal`).

`engine.report.gather` gathers the data; `words` has the sentences both renderings share, `drawing` the page's pictures.
Only the command `report` imports from here. Start with `words`.
"""
