"""The diagram of a lesson: all that it is given is in the picture and in the text for the blind."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from lessons.display import diagrams

BOXES = {"(noise\nz (N))": (0, 0), "generator G": (1, 0), "text": (1, 1), "D": (2, 0.5)}
ARROWS = [("(noise\nz (N))", "generator G", "(N, 100)"), ("text", "generator G", "(N, 64)"),
          ("generator G", "D", "")]
BACK = [("D", "generator G", "gradient")]


@pytest.fixture
def figure():
    fig = diagrams.drawn("A game", BOXES, ARROWS, new=["text"], back=BACK)
    fig.canvas.draw()
    yield fig
    plt.close(fig)


def _texts(figure):
    return {text.get_text(): text for text in [*figure.axes[0].texts, *figure.texts]}


def test_every_name_and_every_shape_is_written(figure):
    texts = _texts(figure)
    assert {"noise\nz (N)", "generator G", "text", "D", "(N, 100)", "(N, 64)", "gradient",
            "orange, thick: new in this lesson"} <= set(texts)
    assert figure.axes[0].get_title() == "A game"


def test_what_is_new_differs_in_colour_and_in_thickness(figure):
    new, old = (_texts(figure)[name].get_bbox_patch() for name in ("text", "generator G"))
    assert to_hex(new.get_edgecolor()) != to_hex(old.get_edgecolor())
    assert new.get_linewidth() > 1.5 * old.get_linewidth()
    widths = [text.arrow_patch.get_linewidth() for text in figure.axes[0].texts
              if getattr(text, "arrow_patch", None)]
    assert [width > 2 for width in widths] == [False, True, False, False]


def test_nothing_is_cut_off_and_no_boxes_overlap(figure):
    frame = figure.bbox
    boxes = [_texts(figure)[name].get_bbox_patch().get_window_extent()
             for name in ("noise\nz (N)", "generator G", "text", "D")]
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0
               and box.y1 <= frame.y1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_arrows_end_at_the_edges_of_their_boxes(figure):
    arrow = next(text.arrow_patch for text in figure.axes[0].texts
                 if getattr(text, "arrow_patch", None))
    ends = arrow.get_path().vertices  # in pixels
    box = _texts(figure)["generator G"].get_bbox_patch().get_window_extent()
    assert abs(ends[:, 0].max() - box.x0) <= 3


def test_who_cannot_see_it_is_told_all_arrows_and_what_is_new(monkeypatch):
    shown = []
    monkeypatch.setattr(diagrams.show, "figure", lambda *given: shown.append(given))
    diagrams.diagram("A game", BOXES, ARROWS, new=["text"], back=BACK)
    (figure, alt), = shown
    plt.close(figure)
    assert alt == ("Diagram: A game. Arrows: (noise z (N)) to generator G, (N, 100); text to "
                   "generator G, (N, 64); generator G to D; D to generator G, gradient. New in "
                   "this lesson: text.")
