"""The pages of the user study. Pictures are embedded in the page, so that no address reveals their method."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from bench.reports.gallery import Pixels
from bench.studies.user_study.questions import Showing
from bench.studies.user_study.votes import LONGEST_REASON

SHARP = 128
"""Pictures with fewer pixels per side are enlarged without interpolation, as in the figures of the reports."""

_FRAME = Template((Path(__file__).with_name("page.html")).read_text(encoding="utf-8"))


def welcome(pages: int, may_begin: bool) -> str:
    """Return the first page, with a note if participants need an invitation."""
    begin = '<form method="post" action="/begin"><button>Begin</button></form>'
    invited = "<p>This study is by invitation: open the link that you were given.</p>"
    return frame(
        "Which picture is most similar?",
        f"<p>You will see {pages} pictures, one after the other, each with several attempts to redraw it. Click the "
        "one that is most similar to the picture above. There is no time limit; answers cannot be changed.</p>\n"
        "<p>Your choices are stored under a random name, with nothing else about you.</p>\n"
        f"{begin if may_begin else invited}",
    )


def question(showing: Showing, pages: int, target: Pixels, outputs: Sequence[Pixels]) -> str:
    """Return the page of a target, with its reconstructions as buttons; pictures are uint8 ``[C, H, W]``."""
    buttons = "\n".join(
        f'<button name="choice" value="{i}">{_image(pixels, f"attempt {i + 1}")}</button>'
        for i, pixels in enumerate(outputs)
    )
    return frame(
        "Which picture is most similar to this one?",
        f"<figure>{_image(target, 'the target')}</figure>\n"
        f'<form method="post" action="/vote">\n<input type="hidden" name="position" value="{showing.position}">\n'
        f'<div class="choices">\n{buttons}\n</div>\n'
        "<label>Why do you choose it? If you like, write it here before you click.\n"
        f'<textarea name="reason" rows="2" maxlength="{LONGEST_REASON}"></textarea></label>\n</form>\n'
        f"<p>{showing.position + 1} of {pages}</p>",
        target,
    )


def done() -> str:
    """Return the last page."""
    return frame("Thank you.", "<p>All your answers are stored. You may close this page.</p>")


def refusal(message: str) -> str:
    """Return a page with the reason that a request was refused."""
    return frame("Not accepted", f'<p>{escape(message)}.</p><p><a href="/">Go on</a></p>')


def frame(title: str, body: str, picture: Pixels | None = None) -> str:
    """Return a whole page; ``title`` is text, ``body`` is HTML."""
    height, width = (1, 1) if picture is None else picture.shape[-2:]
    rendering = "pixelated" if max(height, width) < SHARP else "auto"
    return _FRAME.substitute(title=escape(title), body=body, aspect=f"{width} / {height}", rendering=rendering)


def _image(pixels: Pixels, alt: str) -> str:
    """Return a picture ``[C, H, W]``, C = 1 or 3, as an embedded PNG."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(content, "png")
    data = base64.b64encode(content.getvalue()).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{escape(alt)}">'
