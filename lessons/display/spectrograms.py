"""Sound as a picture and as a player."""

import numpy as np
import torch

from lessons.display import show
from lessons.signals.clip import FPS, FRAMES, RATE
from lessons.signals.spectrogram import spectrogram


# Pictures and players --------------------------------------------------------------------------
def draw(clips, i=0, seen=(), title=None):
    """Show film i over its spectrogram, with a dotted line at each second of `seen`.

    clips: of the theatre or of `text_to_video.film`. The film is a row of its 16 frames.
    """
    import matplotlib.pyplot as plt

    film, wave = clips.video[i], torch.as_tensor(clips.audio[i:i + 1])
    fig, (top, under) = plt.subplots(2, 1, figsize=(9.6, 2.9), layout="constrained",
                                     height_ratios=(0.6, 2))
    top.imshow(film.swapaxes(0, 1).reshape(film.shape[1], -1, 3), aspect="auto")  # (H, T W, 3)
    top.axis("off")
    top.set_title(title or clips.captions[i], fontsize=10)
    levels(under, spectrogram(wave)[0])
    for second in seen:
        under.axvline(second, color="white", linestyle=":", linewidth=1.2)
    show.figure(fig, f"A film as a row of frames and under it the spectrogram of its sound: "
                     f"“{clips.captions[i]}”; feet land at "
                     + (", ".join(f"{second:.2f}" for second in seen) or "no") + " seconds.")


def levels(ax, picture):
    """Draw one spectrogram (B, C) on a matplotlib axis: seconds from left, kHz from below."""
    ax.imshow(picture, origin="lower", aspect="auto", vmin=0, vmax=2, cmap="cividis",
              extent=(0, FRAMES / FPS, 0, RATE / 2000))
    ax.set(xlabel="seconds", ylabel="kHz")


def listen(wave, label):
    """A player of a wave (S,), -1 to 1, as an HTML element with a label."""
    import base64
    import io
    import wave as files
    from html import escape

    from IPython.display import HTML
    file = io.BytesIO()
    with files.open(file, "wb") as sound_:
        sound_.setparams((1, 2, RATE, 0, "NONE", ""))  # one channel of 16 bits
        sound_.writeframes((np.asarray(wave) * 32767).astype("<i2").tobytes())
    data = base64.b64encode(file.getvalue()).decode()
    return HTML(f'<figure style="margin:0"><audio controls aria-label="Sound: {escape(label)}" '
                f'src="data:audio/wav;base64,{data}"></audio>'
                f'<figcaption>{escape(label)}</figcaption></figure>')
