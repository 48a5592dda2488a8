"""The diagram that opens a lesson: what goes in, what comes out, and what is new."""

import math

import matplotlib.pyplot as plt

from lessons.display import show

COLUMN, ROW = 2.0, 0.95  # inches between the middles of neighbours


def diagram(title, boxes, arrows, new=(), back=()):
    """Draw networks and what goes through them.

    boxes: name -> (column, row), from the upper left; halves are allowed. A name may have several
    lines. A name in brackets, "(noise z)", is data, drawn without brackets and without a frame; any
    other is a network, in a frame. arrows: (from, to, what is written on it, as a rule a shape).
    new: the names of what this lesson adds; they and their arrows are orange and thick. back:
    arrows like those above, drawn as dashed bows below the boxes: gradients, or what is fed back.
    The alt text is made from the arrows. In a notebook:

        from lessons.display.diagrams import diagram
        diagram("A conditional generator",
                boxes={"(noise z)": (0, 0), "(caption t)": (0, 1), "generator G": (1, 0),
                       "(picture x')": (2, 0)},
                arrows=[("(noise z)", "generator G", "(N, 100)"),
                        ("(caption t)", "generator G", "(N, L)"),
                        ("generator G", "(picture x')", "(N, 3, 28, 28)")],
                new=["(caption t)"])
    """
    show.figure(drawn(title, boxes, arrows, new, back),
                described(title, [*arrows, *back], new))


def described(title, arrows, new):
    """A diagram as one text."""
    ways = [f"{start} to {end}" + f", {label}" * bool(label) for start, end, label in arrows]
    added = "New in this lesson: " + ", ".join(new) + "." if new else ""
    text = f"Diagram: {title}. Arrows: " + "; ".join(ways) + ". " + added
    return " ".join(text.split())


def drawn(title, boxes, arrows, new=(), back=()):
    """The figure of `diagram`."""
    columns, rows = (max(place[i] for place in boxes.values()) for i in (0, 1))
    width, height = columns * COLUMN + 1.5, rows * ROW + 0.8 + 0.4 * bool(back)  # inches
    fig = plt.figure(figsize=(width, height))
    ax = fig.add_axes((0, 0, 1, 1), xlim=(-0.75, width - 0.75), ylim=(height - 0.4, -0.4))
    ax.set_title(title)
    ax.axis("off")
    placed = {name: _box(ax, name, COLUMN * x, ROW * y, name in new)
              for name, (x, y) in boxes.items()}
    for ways, bow in ((arrows, 0.0), (back, 0.3)):
        for start, end, label in ways:
            _arrow(ax, placed[start], placed[end], label, {start, end} & set(new), bow)
    if new:
        fig.text(0.5, 0, "orange, thick: new in this lesson", ha="center", va="top", fontsize=9,
                 color=_color(True))
    return fig


def _color(new):
    return "#A35200" if new else show.BLUE  # a dark orange, legible as text on white


def _box(ax, name, x, y, new):
    data = name.startswith("(")
    frame = {"boxstyle": "round,pad=0.45", "linewidth": 2.4 if new else 1.2,
             "edgecolor": "none" if data else _color(new),
             "facecolor": "white" if data else "#FBE3BF" if new else "#DCEAF5"}
    return ax.text(x, y, name[1:-1] if data else name, ha="center", va="center", fontsize=10,
                   bbox=frame, color=_color(True) if new else "black", zorder=2)


def _arrow(ax, start, end, label, new, bow):
    """An arrow between the edges of two boxes, its label along it; a bow hangs below."""
    (x0, y0), (x1, y1) = sorted([start.get_position(), end.get_position()])
    bow_to_here = bow if end.get_position()[0] == x1 else -bow
    ax.annotate("", end.get_position(), start.get_position(), zorder=3, arrowprops={
        "arrowstyle": "-|>,head_width=0.25,head_length=0.5", "mutation_scale": 12, "shrinkA": 0,
        "shrinkB": 0, "color": _color(new), "linewidth": 2.2 if new else 1.2,
        "linestyle": "--" if bow else "-", "connectionstyle": f"arc3,rad={bow_to_here}",
        "patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch()})
    angle = math.degrees(math.atan2(y0 - y1, x1 - x0))  # the y axis points down
    ax.annotate(label, ((x0 + x1) / 2, (y0 + y1) / 2 + (x1 - x0) * bow / 2), (0, -4 if bow else 3),
                textcoords="offset points", ha="center", va="top" if bow else "bottom",
                rotation=angle, rotation_mode="anchor", fontsize=8)
