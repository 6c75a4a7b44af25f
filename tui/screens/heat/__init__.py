"""The heat map: a sample's halves token by token, and what each token costs with and without the other half.

Start with `screen`. `map` is the widget that draws a text in lines which `layout` makes; `ramp` gives colours, bars and
the legend, `figures` the numbers in words. Only Review imports this package, to open the screen.
"""
