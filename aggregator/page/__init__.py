"""The pages for people: rows -> HTML. Pure; the only door of jinja2.

asked      what is asked for, from and to an address
river, story, health, about
           what each page shows, made of rows
parts      small pieces of these
render     templates -> HTML, and the rules of the page (Content-Security-Policy)
words      numbers and times in words
content    an article's HTML inside our page
diff       a lead and its copy, word by word
charts     coordinates of the pictures

The pages never write: what a person decides is shown as the command to type. templates/ has the HTML, static/ the one
style sheet, the icon and a small script, without which everything works.
"""

from aggregator.page.asked import Asked, Mistaken
from aggregator.page.render import LONGEST, POLICY, QUIET_POLICY, STATIC, Alternate, Asset, Frame, prepare, render, trim

__all__ = [
    "LONGEST",
    "POLICY",
    "QUIET_POLICY",
    "STATIC",
    "Alternate",
    "Asked",
    "Asset",
    "Frame",
    "Mistaken",
    "prepare",
    "render",
    "trim",
]
