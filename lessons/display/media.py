"""Films as bytes of a file, and as players in a page."""

import base64
import html
import io
import os
import tempfile
from fractions import Fraction

import av
import numpy as np
from IPython.display import HTML
from PIL import Image


def in_colors(video):
    """Films uint8 (..., H, W, 1 or 3), grey or in colour -> (..., H, W, 3)."""
    return np.asarray(video).repeat(3 // video.shape[-1], -1)


def mp4(video, audio, fps, sample_rate, zoom=10):
    """A film as bytes of an mp4 file that browsers and phones play: H.264 and AAC, its index first.

    video: uint8 (T, H, W, 1 or 3); audio: float (samples,) in [-1, 1]; zoom: screen pixels a pixel,
    an even number, so that colours, which H.264 keeps for blocks of 2 x 2, stay inside their
    pixels.
    """
    frames = in_colors(video).repeat(zoom, 1).repeat(zoom, 2)
    frames = frames[:, :frames.shape[1] // 2 * 2, :frames.shape[2] // 2 * 2]  # H.264 wants even
    with tempfile.TemporaryDirectory() as folder:  # the index goes first in a second pass
        path = os.path.join(folder, "film.mp4")
        with av.open(path, "w", options={"movflags": "faststart"}) as container:
            rate = Fraction(fps).limit_denominator(1001)  # 29.97 is 30000 / 1001
            pictures = container.add_stream("libx264", rate=rate, options={"crf": "18"})
            pictures.height, pictures.width = frames.shape[1:3]
            pictures.pix_fmt = "yuv420p"
            # 48 kHz: at 8 kHz a player that skips the edit list would be an eighth of a second late
            sound = container.add_stream("aac", rate=48_000, layout="mono")
            for frame in frames:
                container.mux(pictures.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
            container.mux(pictures.encode())
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio[None], np.float32),
                                               format="fltp", layout="mono")
            block.sample_rate, block.pts = sample_rate, 0  # without a time the coder comes late
            container.mux(sound.encode(block))
            container.mux(sound.encode())
        with open(path, "rb") as file:
            return file.read()


def animated_png(video, fps, zoom=3):
    """A silent film as bytes of an animated PNG, which plain pages show as a picture."""
    return _animated(video, fps, zoom, "PNG")


def gif(video, fps, zoom=4):
    """A silent film, uint8 (T, H, W, 1 or 3), as bytes of a GIF."""
    return _animated(video, fps, zoom, "GIF")


def _animated(video, fps, zoom, kind):
    frames = [Image.fromarray(f.repeat(zoom, 0).repeat(zoom, 1)).quantize(64, dither=0)
              for f in in_colors(video)]
    file = io.BytesIO()
    # a GIF counts in 1/100 s: 12 and 13 by turns are 8 frames a second
    unit = 10 if kind == "GIF" else 1                                          # ms
    ends = unit * np.round(np.arange(len(frames) + 1) * 1000 / fps / unit).astype(int)
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], loop=0,
                   duration=np.diff(ends).tolist())
    return file.getvalue()


def video_player(data, caption, subtitles=None):
    """Bytes of an mp4 file as an HTML element, under it its caption; where it is shown larger than
    it is, its pixels stay sharp. subtitles: as WebVTT, for the browser to draw over the film."""
    def address(kind, content):
        return f"data:{kind};base64,{base64.b64encode(content).decode()}"
    track = f'<track default kind="subtitles" label="script" ' \
            f'src="{address("text/vtt", subtitles.encode())}">' if subtitles else ""
    caption = html.escape(caption, quote=True)
    return HTML(f'<figure style="margin:0"><video controls loop playsinline width="360" '
                f'style="image-rendering:pixelated" aria-label="Film: {caption}" '
                f'src="{address("video/mp4", data)}">{track}</video>'
                f'<figcaption>{caption}</figcaption></figure>')
