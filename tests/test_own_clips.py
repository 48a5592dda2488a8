"""Clips of any kind become pieces of 2 seconds, and whatever cannot be used is told."""

import csv
import itertools
import json
import math
import multiprocessing
import os
import random
import shutil
import time
import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image

from lessons import __main__
from lessons.display import media
from lessons.engine.checkpoints import load_checkpoint
from lessons.errors import CourseError
from lessons.sources import clips, downloads, film_reader
from lessons.sources import datasets as sources
from lessons.sources.clips import KINDS, Entry, Prepared, entries, prepare, summary
from lessons.sources.words import encode, tokens, vocabulary

LOUD, HUSH = 0.5, 0.0
H264 = {"crf": "10", "preset": "ultrafast"}


def flat(level, n=1, height=48, width=48):
    """n grey frames uint8 (height, width, 3)."""
    return [np.full((height, width, 3), level, np.uint8)] * n


def clock(n, **size):
    """n grey frames: frame i has the level 20 + 2 i."""
    return list(itertools.chain.from_iterable(flat(20 + 2 * i, **size) for i in range(n)))


def red(n, **size):
    return [frame * np.array([1, 0, 0], np.uint8) for frame in flat(250, n, **size)]


def make(path, frames, rate=25, sound=None, layout="mono", codec="libx264", audio="aac"):
    """A film as a file; sound: float32 (channels, samples) at 48 kHz. Returns its path."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream(codec, rate=rate, options=H264 if "264" in codec else {})
        pictures.height, pictures.width = frames[0].shape[:2]
        pictures.bit_rate = 8_000_000
        pictures.pix_fmt = "bgra" if codec == "huffyuv" else "yuv420p"
        voice = None if sound is None else container.add_stream(audio, rate=48_000, layout=layout)
        for frame in frames:
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(pictures.encode())
        if voice:
            planar = np.ascontiguousarray(sound, np.float32)
            block = av.AudioFrame.from_ndarray(planar, "fltp", layout)
            block.sample_rate, block.pts, block.time_base = 48_000, 0, Fraction(1, 48_000)
            container.mux(voice.encode(block))
            container.mux(voice.encode())
    return path


def tone(seconds, channels=1, only=None, level=LOUD, start=0.0):
    """A tone of 440 Hz, float32 (channels, samples) at 48 kHz; only: the channel that has it."""
    t = np.arange(round(seconds * 48_000)) / 48_000
    wave = level * np.sin(2 * np.pi * 440 * t) * (t >= start)
    sound = np.zeros((channels, len(t)), np.float32)
    sound[slice(None) if only is None else only] = wave
    return sound


def one(path, cache, **more):
    """A cache of a single file."""
    return prepare([Entry(path, "a film", **more)], cache)


def table(folder, rows, head=("file_name", "caption")):
    with open(folder / "metadata.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return folder


@pytest.fixture
def count_opened(monkeypatch):
    """The files that are opened to decode their film, in order."""
    opened = []

    def spy(entry, *rest):
        opened.append(os.path.basename(entry.path))
        return film_reader.read(entry, *rest)
    monkeypatch.setattr(clips, "read", spy)
    return opened


# Frames

@pytest.mark.parametrize("rate", [5, 8, 25, 30])
@pytest.mark.parametrize("kind", ["mp4", "avi", "mkv"])
def test_frames_are_those_on_the_screen_eight_times_a_second(tmp_path, kind, rate):
    codec = "mpeg4" if kind == "avi" else "libx264"
    path = make(tmp_path / f"a.{kind}", clock(4 * rate if rate < 30 else 100), rate, codec=codec)
    video = one(path, tmp_path / "cache").video
    assert video.shape == ((1 if rate == 30 else 2), 16, 48, 48, 1)  # 100 at 30 are 3.3 s
    for piece, frame in itertools.product(range(len(video)), range(16)):
        number = math.floor((2 * piece + frame / 8) * rate + 1e-6)
        assert abs(video[piece, frame].mean() - (20 + 2 * number)) < 2.5, (piece, frame)


def test_a_gif_is_read_by_the_times_of_its_frames(tmp_path):
    levels, lasts = [0, 80, 160, 240], [1000, 250, 500, 250]  # ms
    first, *rest = (Image.new("L", (40, 40), level) for level in levels)
    first.save(tmp_path / "a.gif", save_all=True, append_images=rest, duration=lasts)
    video = one(tmp_path / "a.gif", tmp_path / "cache").video
    assert video.mean((2, 3, 4)).round().tolist() == [[0] * 8 + [80] * 2 + [160] * 4 + [240] * 2]


def test_frames_without_times_are_counted_by_the_rate(tmp_path):
    path = make(tmp_path / "a.h264", clock(16 * 7), 8)  # a raw stream: 14 seconds
    video = one(path, tmp_path / "cache").video
    assert len(video) == 7
    levels = 20 + 2 * np.arange(112).reshape(7, 16)
    assert np.abs(video.mean((2, 3, 4)) - levels).max() < 2.5


def test_a_range_of_frames_is_a_clip_by_itself(tmp_path):
    path = make(tmp_path / "a.mp4", clock(100), 25)
    clips = prepare([Entry(path, "early", last=50), Entry(path, "late", 50, 100),
                     Entry(path, "short", 80), Entry(path, "none", 60, 60)], tmp_path / "cache")
    assert [round(float(clips.video[i, 0].mean() - 20) / 2) for i in range(3)] == [0, 50, 80]
    assert clips.which.tolist() == [0, 1, 2]
    (_, held), (_, none) = clips.report
    assert "last frame is held" in held and none.startswith("too short")


def test_a_long_clip_gives_eight_pieces_spread_over_it(tmp_path):
    path = make(tmp_path / "a.mp4", [flat(12 * (i // 16), height=32, width=32)[0]
                                     for i in range(16 * 20)], 8)
    clips = one(path, tmp_path / "cache")
    seen = (clips.video.mean((1, 2, 3, 4)) / 12).round().astype(int).tolist()
    assert len(seen) == 8 and seen[0] == 0 and seen[-1] == 19 and set(np.diff(seen)) <= {2, 3}
    assert "8 pieces spread over its 40 seconds" in clips.report[0][1]


def test_a_short_clip_holds_its_last_frame_in_silence(tmp_path):
    path = make(tmp_path / "a.mp4", clock(25), 25, tone(3))
    clips = one(path, tmp_path / "cache")
    levels = clips.video[0].mean((1, 2, 3))
    assert np.allclose(levels[8:], levels[8]) and levels[8] - levels[7] > 3  # frame 24, not 21
    assert abs(clips.audio[0, 4000:7900]).max() > 8000 and not clips.audio[0, 8000:].any()
    assert clips.report == [(str(path), "shorter than 2 seconds: its last frame is held, "
                             "in silence")]


def test_the_end_that_fills_no_piece_is_told(tmp_path):
    clips = one(make(tmp_path / "a.mp4", clock(75), 25), tmp_path / "cache")
    assert len(clips) == 1 and "1.0 seconds are not used" in clips.report[0][1]


# Which picture, and how long

def remux(path, out, change, **options):
    """The packets of a file in another one, after change(packet) -> whether it is kept."""
    with av.open(str(path)) as source, av.open(str(out), "w", **options) as container:
        streams = {stream.index: container.add_stream_from_template(stream)
                   for stream in source.streams}
        for packet in source.demux():
            if packet.size and change(packet):
                packet.stream = streams[packet.stream.index]
                container.mux(packet)
    return out


def levels(video):
    return video.mean((2, 3, 4))


def test_a_hole_in_the_time_stamps_holds_no_piece(tmp_path):
    path = make(tmp_path / "a.mkv", clock(64), 16)

    def later(packet):
        for name in ("pts", "dts"):
            if (time := getattr(packet, name)) is not None and packet.pts >= 2500:
                setattr(packet, name, time + 60_000)
        return True
    clips = one(remux(path, tmp_path / "b.mkv", later), tmp_path / "cache")
    assert len(clips) == 1 and np.ptp(levels(clips.video), axis=1).min() > 20
    assert clips.report[0][1].startswith("gaps or joins: its 2 stretches")


@pytest.mark.parametrize("kind", ["ts", "flv"])
def test_films_that_were_joined_are_both_read_with_their_sound(tmp_path, kind):
    for name, level, start in (("a", 40, 0.0), ("b", 160, 1.0)):
        make(tmp_path / f"{name}.{kind}", [f + np.uint8(i) for i, f in enumerate(flat(level, 50))],
             25, tone(2, start=start))
    joined = tmp_path / f"joined.{kind}"
    joined.write_bytes(b"".join((tmp_path / f"{name}.{kind}").read_bytes() for name in "ab"))
    clips = one(joined, tmp_path / "cache")
    assert [round(level, -1) for level in levels(clips.video)[:, 0]] == [40, 160]
    loud = abs(clips.audio.astype(int)).reshape(2, 2, 8000)[..., 1500:6500].mean(-1) > 1000
    assert loud.tolist() == [[True, True], [False, True]]


def test_a_film_that_was_joined_to_one_too_large_to_search_is_told(tmp_path, monkeypatch):
    path = make(tmp_path / "a.flv", clock(50), 25)
    monkeypatch.setattr(film_reader, "WHOLE", path.stat().st_size)
    assert not one(path, tmp_path / "cache").report
    path.write_bytes(2 * path.read_bytes())
    [(_, why)] = one(path, tmp_path / "cache").report
    assert why == "damaged or cut off: only its first 2.0 seconds can be read"


def test_pictures_of_an_avi_come_in_time_whatever_their_order_in_the_file(tmp_path):
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25, options={"crf": "5", "bf": "3"})
        stream.width = stream.height = 48
        stream.pix_fmt = "yuv420p"
        for frame in clock(100):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())
    seen = levels(one(path, tmp_path / "cache").video).reshape(-1)
    assert np.abs(seen - (20 + 2 * np.floor(np.arange(32) * 3.125 + 1e-6))).max() < 2.5


def test_what_an_edit_list_hides_is_not_shown(tmp_path):
    path = make(tmp_path / "a.mp4", clock(100), 25)

    def earlier(packet):
        packet.pts -= round(1.6 / packet.time_base)
        packet.dts -= round(1.6 / packet.time_base)
        return True
    cut = remux(path, tmp_path / "b.mp4", earlier, options={"avoid_negative_ts": "disabled"})
    clips = one(cut, tmp_path / "cache")
    assert len(clips) == 1 and abs(levels(clips.video)[0, 0] - (20 + 2 * 40)) < 2.5
    assert not any("damaged" in why for _, why in clips.report)


def test_sound_that_is_longer_than_the_picture_does_no_harm(tmp_path):
    path = make(tmp_path / "a.mkv", clock(100), 25, tone(20))
    clips = one(path, tmp_path / "cache")
    assert len(clips) == 2 and clips.report == []


def test_a_cover_picture_before_the_film_is_not_the_film(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        cover, film = container.add_stream("mjpeg", rate=25), container.add_stream("libx264", 8)
        for stream, format, side in ((cover, "yuvj420p", 128), (film, "yuv420p", 48)):
            stream.width = stream.height = side
            stream.pix_fmt = format
        container.mux(cover.encode(av.VideoFrame.from_ndarray(flat(255, 1, 128, 128)[0], "rgb24")))
        for frame in clock(16):
            container.mux(film.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(film.encode())
    assert abs(levels(one(path, tmp_path / "cache").video)[0, 8] - 36) < 2.5


@pytest.mark.parametrize("a,b,c,d", [(1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1),
                                     (0, 1, -1, 0), (0, -1, 1, 0), (0, 1, 1, 0), (0, -1, -1, 0)])
def test_a_film_is_shown_as_its_matrix_lays_it(tmp_path, a, b, c, d):
    corners = np.array([[60, 120], [180, 240]], np.uint8)
    path = make(tmp_path / "a.mp4", [corners.repeat(48, 0).repeat(48, 1)[..., None].repeat(3, 2)]
                * 16, 8)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"tkhd") + 44  # the matrix of ISO 14496-12: x' = a x + c y, y' = b x + d y
    raw[at:at + 36] = b"".join((int(value * one) & 0xFFFFFFFF).to_bytes(4, "big") for value, one in
                               zip((a, b, 0, c, d, 0, 0, 0, 1), [65536] * 8 + [2 ** 30],
                                   strict=True))
    path.write_bytes(raw)
    seen = one(path, tmp_path / "cache").video[0, 8, ..., 0]
    wanted = np.zeros((2, 2))
    for y, x in itertools.product((0, 1), repeat=2):  # -1 and 1 around the middle
        there = [(1 + m * (2 * x - 1) + n * (2 * y - 1)) // 2 for m, n in ((a, c), (b, d))]
        wanted[there[1], there[0]] = corners[y, x]
    assert np.abs(seen[12::24, 12::24] - wanted).max() < 4


def test_white_of_a_film_in_hlg_is_white(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8, options={
            "crf": "5", "x264-params": "transfer=arib-std-b67:colorprim=bt2020:"
                                       "colormatrix=bt2020nc"})
        stream.width = stream.height = 48
        stream.pix_fmt = "yuv420p"
        for _ in range(16):  # paper white has 3/4 of the signal
            frame = av.VideoFrame.from_ndarray(np.concatenate([np.full((48, 48), 180, np.uint8),
                                                               np.full((24, 48), 128, np.uint8)]),
                                               "yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    clips = one(path, tmp_path / "cache")
    assert 225 < levels(clips.video).mean() < 252
    assert clips.report[0][1].startswith("HDR")


def test_a_short_gif_that_loops_is_repeated_and_one_that_does_not_is_none(tmp_path):
    first, *rest = (Image.new("L", (40, 40), level) for level in (0, 80, 160, 240))
    for name, how in (("loops.gif", {"loop": 0}), ("once.gif", {})):
        first.save(tmp_path / name, save_all=True, append_images=rest, duration=120, **how)
    clips = prepare([Entry(tmp_path / "loops.gif", "a"), Entry(tmp_path / "once.gif", "b")],
                    tmp_path / "cache")
    wanted = [80 * math.floor(i / 8 % 0.48 / 0.12 + 1e-6) for i in range(16)]
    assert levels(clips.video).round().tolist() == [wanted]
    assert [why.split(":")[0] for _, why in clips.report] == ["a loop of 0.48 seconds", "too short"]


def test_webp_is_named(tmp_path):
    first, *rest = (Image.new("L", (40, 40), level) for level in (0, 80, 160))
    first.save(tmp_path / "a.webp", save_all=True, append_images=rest, duration=500, loop=0)
    with pytest.raises(CourseError, match="WebP cannot be read here, save it as GIF or MP4"):
        one(tmp_path / "a.webp", tmp_path / "cache")


# Files that would take too much

def test_a_frame_without_bounds_is_not_drawn(tmp_path):
    first, second = Image.new("L", (40, 40), 9), Image.new("L", (40, 40), 99)
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second], duration=1000)
    raw = bytearray((tmp_path / "a.gif").read_bytes())
    raw[6:10] = (30_000).to_bytes(2, "little") * 2
    (tmp_path / "a.gif").write_bytes(raw)
    with pytest.raises(CourseError, match="too large: its frames have .* more than 8192 x 4320"):
        one(tmp_path / "a.gif", tmp_path / "cache")


def test_a_film_that_claims_a_thousand_million_frames_gives_those_that_it_has(tmp_path):
    path = make(tmp_path / "a.mp4", clock(32), 8)
    raw = bytearray(path.read_bytes())
    for box, places in ((b"mvhd", [20]), (b"mdhd", [20]), (b"tkhd", [24])):
        for place in places:
            at = raw.index(box) + place
            raw[at:at + 4] = (2 ** 31 - 1).to_bytes(4, "big")
    path.write_bytes(raw)
    clips = one(path, tmp_path / "cache")
    assert len(clips) == 2 and levels(clips.video)[1, 15] > levels(clips.video)[1, 0]


def test_a_table_of_more_frames_than_bytes_is_refused_before_they_are_counted(tmp_path):
    path = make(tmp_path / "a.mp4", clock(32), 8)
    raw = bytearray(path.read_bytes())
    for box, values in ((b"stsz", (200, 10 ** 7)), (b"stts", (1, 10 ** 7, 1024)),
                        (b"stsc", (1, 1, 10 ** 7, 1))):
        at = raw.index(box) + 8
        raw[at:at + 4 * len(values)] = b"".join(value.to_bytes(4, "big") for value in values)
    path.write_bytes(raw)
    with pytest.raises(CourseError, match="too large: it claims 10000000 frames, more than it has"):
        one(path, tmp_path / "cache")


def test_decoding_has_an_end(tmp_path, monkeypatch):
    path = make(tmp_path / "a.mp4", clock(80), 8)
    monkeypatch.setattr(film_reader, "WORK", 40 * (48 * 48 + 60_000))
    clips = one(path, tmp_path / "cache")
    assert len(clips) == 2 and clips.report[0][1].startswith("too large: it takes too long to dec")
    monkeypatch.setattr(film_reader, "PACKETS", 50)
    assert film_reader.Film(path).seconds == pytest.approx(6.25, abs=0.5)


def test_decoding_sound_has_an_end(tmp_path, monkeypatch):
    path = make(tmp_path / "a.mp4", clock(48), 8, tone(6))
    monkeypatch.setattr(film_reader, "SOUND", 3 * 48_000)
    clips = one(path, tmp_path / "cache")
    assert clips.heard.tolist() == [True, False, False]
    assert clips.report[0][1].startswith("sound too long: from there on")


# Shapes and colours

def scene(height, width):
    """Frames with a white square in the middle and red at the very edges of all sides."""
    frame = np.zeros((height, width, 3), np.uint8)
    h, w, side = height // 2, width // 2, 20
    frame[h - side:h + side, w - side:w + side] = 255
    return [frame] * 16


@pytest.mark.parametrize("height,width,size,expected", [
    (90, 160, None, (32, 64)), (160, 90, None, (64, 32)), (96, 96, None, (48, 48)),
    (90, 160, 96, (64, 128)), (96, 128, 64, (48, 80)), (90, 160, 32, (32, 48))])
def test_the_frame_follows_the_clips_and_nothing_is_distorted(tmp_path, height, width, size,
                                                              expected):
    path = make(tmp_path / "a.mp4", scene(height, width), 8)
    video = prepare([Entry(path, "a square")], tmp_path / "cache", size).video
    assert video.shape[2:4] == expected
    white = video[0, 8, :, :, 0] > 127
    rows, columns = white.any(1).sum(), white.any(0).sum()
    assert abs(int(rows) - int(columns)) <= 1  # a square is still one
    scale = max(expected[0] / height, expected[1] / width)
    assert abs(rows - 40 * scale) <= 1.5  # and no larger than it must be
    middle = np.argwhere(white).mean(0)
    assert np.allclose(middle, np.array(expected) / 2 - 0.5, atol=1)


def test_what_is_cut_off_is_told_and_pad_shows_all(tmp_path):
    wide = [np.full((48, 96, 3), 200, np.uint8)] * 16
    entries = [Entry(make(tmp_path / "w.mp4", wide, 8), "wide")] + [
        Entry(make(tmp_path / f"{i}.mp4", flat(200, 16), 8), "square") for i in range(2)]
    cropped = prepare(entries, tmp_path / "cache")
    assert cropped.report == [(str(tmp_path / "w.mp4"), "cropped: 50 % of its width is cut off, "
                               "--fit pad keeps it")]
    assert cropped.video.min() > 190
    padded = prepare(entries, tmp_path / "cache", fit="pad")
    assert padded.shape == (48, 48, 1) and not padded.report
    rows = padded.video[0, 8, ..., 0].mean(1)
    assert rows[:11].max() < 10 and rows[14:34].min() > 190 and rows[38:].max() < 10
    assert padded.video[1:].min() > 190
    with pytest.raises(CourseError, match="'stretch' is no way to fit"):
        prepare(entries, tmp_path / "cache", fit="stretch")


def test_pixels_that_are_not_square_are_stretched(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8, options=H264)
        stream.height, stream.width, stream.pix_fmt = 96, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = 2
        for frame in flat(99, 16, 96, 48):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())
    assert one(path, tmp_path / "cache").video.shape[2:4] == (48, 48)


def test_a_film_of_an_upright_telephone_stands_upright(tmp_path):
    frame = np.zeros((96, 192, 3), np.uint8)
    frame[:, :96] = 200  # the left half is white: on top where it is turned clockwise
    path = make(tmp_path / "a.mp4", [frame] * 16, 8)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"tkhd") + 44  # the matrix of ISO 14496-12, here a quarter turn clockwise
    turn = [0, 1 << 16, 0, -(1 << 16) & 0xFFFFFFFF, 0, 0, 0, 0, 1 << 30]
    raw[at:at + 36] = b"".join(value.to_bytes(4, "big") for value in turn)
    path.write_bytes(raw)
    video = one(path, tmp_path / "cache").video
    assert video.shape[2:4] == (64, 32)
    assert video[0, 0, :28].mean() > 150 and video[0, 0, 36:].mean() < 50


def test_one_colour_clip_makes_all_of_them_colour(tmp_path):
    grey = make(tmp_path / "g.avi", flat(100, 16), 8, codec="mpeg4")
    assert one(grey, tmp_path / "grey").video.shape[-1] == 1
    color = make(tmp_path / "c.mp4", red(16), 8)
    video = prepare([Entry(grey, "g")] * 3 + [Entry(color, "c")], tmp_path / "cache").video
    assert video.shape == (4, 16, 48, 48, 3)
    assert np.ptp(video[0], axis=-1).max() < 8 and video[3, ..., 0].mean() > 200


def test_a_film_that_begins_in_black_is_in_colour(tmp_path):
    path = make(tmp_path / "a.avi", flat(0, 20) + red(30), 25, codec="huffyuv")
    assert one(path, tmp_path / "cache").video.shape[-1] == 3


def test_the_shape_is_the_median_of_the_clips(tmp_path):
    wide = make(tmp_path / "w.mp4", flat(9, 16, 90, 160), 8)
    tall = make(tmp_path / "t.mp4", flat(9, 16, 160, 90), 8)
    clips = prepare([Entry(tall, "t")] + [Entry(wide, "w")] * 2, tmp_path / "cache")
    assert clips.video.shape[2:4] == (32, 64)


# Sound

@pytest.mark.parametrize("kind,codec,audio", [("mp4", "libx264", "aac"),
                                              ("avi", "mpeg4", "pcm_s16le"),
                                              ("mkv", "libx264", "libmp3lame")])
def test_sound_lies_where_its_frames_are(tmp_path, kind, codec, audio):
    path = make(tmp_path / f"a.{kind}", clock(100), 25, tone(4, start=2.5), codec=codec,
                audio=audio)
    clips = one(path, tmp_path / "cache")
    assert clips.heard.tolist() == [False, True]
    start = int(np.argmax(abs(clips.audio[1].astype(int)) > 3000))
    assert abs(start - 4000) < 160  # 20 ms
    assert not clips.audio[0, :12000].any() or abs(clips.audio[0]).max() <= film_reader.SILENT


def test_sound_of_a_range_is_that_of_its_frames(tmp_path):
    path = make(tmp_path / "a.mp4", clock(100), 25, tone(4, start=2.5))
    clips = one(path, tmp_path / "cache", first=50)
    assert abs(int(np.argmax(abs(clips.audio[0].astype(int)) > 3000)) - 4000) < 160


@pytest.mark.parametrize("layout,channels,only,share", [
    ("mono", 1, 0, 1.0), ("stereo", 2, None, 1.0), ("stereo", 2, 1, 0.5),
    ("5.1", 6, 2, 0.7), ("5.1", 6, 4, 0.35), ("5.1", 6, 0, 0.5)])
def test_every_channel_is_heard(tmp_path, layout, channels, only, share):
    path = make(tmp_path / "a.avi", flat(9, 16), 8, tone(2, channels, only), layout, "mpeg4",
                "pcm_s16le")
    clips = one(path, tmp_path / "cache")
    assert clips.heard.all()
    assert abs(clips.audio[0, 2000:14000]).max() / 32768 == pytest.approx(LOUD * share, rel=0.05)
    spectrum = np.abs(np.fft.rfft(clips.audio[0]))
    assert spectrum.argmax() == 880  # 440 Hz in 2 seconds


@pytest.mark.parametrize("quiet", [1.0, 0.9])
def test_a_side_that_was_recorded_upside_down_does_not_silence_the_other(tmp_path, quiet):
    sound = tone(2, 2) * np.array([[1], [-quiet]], np.float32)
    path = make(tmp_path / "a.avi", flat(9, 16), 8, sound, "stereo", "mpeg4", "pcm_s16le")
    audio = one(path, tmp_path / "cache").audio
    assert abs(audio[0, 2000:14000]).max() / 32768 == pytest.approx(LOUD, rel=0.05)


def test_too_loud_together_is_clipped_not_wrapped(tmp_path):
    path = make(tmp_path / "a.avi", flat(9, 16), 8, tone(2, 6, level=0.99), "5.1", "mpeg4",
                "pcm_s16le")
    audio = one(path, tmp_path / "cache").load(torch.tensor([0]))[1]
    assert audio.abs().max() <= 1 and audio.diff().abs().max() < 0.9


@pytest.mark.parametrize("sound", [None, tone(2, level=HUSH), tone(2, 2, level=0.0003)])
def test_no_sound_and_silence_are_not_heard(tmp_path, sound):
    layout = "stereo" if sound is not None and len(sound) == 2 else "mono"
    path = make(tmp_path / "a.mp4", flat(9, 50), 25, sound, layout)
    assert not one(path, tmp_path / "cache").heard.any()


# What is left out

def bad(tmp_path, what):
    """(file name, caption) of a clip that cannot be used, or not whole."""
    path = tmp_path / "bad.mp4"
    if what == "outside":
        return "../good.mp4", "a film"
    if what == "absolute":
        return str(tmp_path / "good.mp4"), "a film"
    if what == "missing":
        return "nowhere.mp4", "a film"
    if what in ("no video", "too short"):
        make(path, clock(10), 25)
    if what == "no video":
        with av.open(str(path), "w") as container:
            voice = container.add_stream("aac", rate=48_000, layout="mono")
            block = av.AudioFrame.from_ndarray(tone(1), "fltp", "mono")
            block.sample_rate, block.pts, block.time_base = 48_000, 0, Fraction(1, 48_000)
            container.mux(voice.encode(block))
            container.mux(voice.encode())
    if what == "text":
        path.write_text("not a film")
    if what in ("notes", "list"):  # FFmpeg would draw the one and follow the other
        path = path.with_suffix(".txt" if what == "notes" else ".ffconcat")
        path.write_text("ffconcat version 1.0\nfile good.mp4\n" * (1 if what == "list" else 50))
    if what == "empty":
        path.write_bytes(b"")
    return path.name, "a film"


@pytest.mark.parametrize("what,sentence", [
    ("outside", "outside: the path leaves the folder"), ("absolute", "outside: the path"),
    ("missing", "missing: there is no such file"), ("no video", "no video: the file has sound"),
    ("too short", "too short: it lasts 0.40 seconds, less than 0.5"),
    ("text", "not readable as a video: "), ("notes", "not readable as a video: it is a text"),
    ("list", "not readable as a video: it is a text"), ("empty", "not readable as a video: ")])
def test_what_cannot_be_used_is_left_out_and_told(tmp_path, what, sentence):
    folder = tmp_path / "folder"
    folder.mkdir()
    for place in (folder, tmp_path):
        make(place / "good.mp4", clock(16), 8)
    name, caption = bad(folder if what not in ("outside", "absolute") else tmp_path, what)
    table(folder, [(name, caption), ("good.mp4", "a good film")])
    clips = prepare(entries(folder), tmp_path / "cache")
    assert len(clips) == 1 and clips.vocabulary == ("", "a", "film", "good")
    [(told, why)] = clips.report
    assert name in told and why.startswith(sentence)


@pytest.mark.parametrize("caption,sentence", [
    ("", "has no word"), (" ?! ", "has no word"), ("a\x07bell", "control characters"),
    ("long " * 90, "450 characters"), ("one " * 41, "41 words, more than 40")])
def test_captions_that_cannot_be_used_are_told(tmp_path, caption, sentence):
    path = make(tmp_path / "a.mp4", clock(16), 8)
    clips = prepare([Entry(path, caption), Entry(path, "good")], tmp_path / "cache")
    [(_, why)] = clips.report
    assert why.startswith("caption refused: ") and sentence in why
    assert clips.vocabulary == ("", "good") and clips.ids.tolist() == [[1]]


@pytest.mark.parametrize("kind,suffix,codec", [
    ("cut", "mkv", "libx264"), ("cut", "avi", "mpeg4"), ("flipped", "avi", "mpeg4"),
    ("flipped", "mp4", "libx264")])
def test_what_lies_before_the_damage_is_used(tmp_path, kind, suffix, codec):
    noise = np.random.default_rng(0).integers(0, 256, (150, 48, 48, 3), dtype=np.uint8)
    path = make(tmp_path / f"a.{suffix}", list(noise), 25, codec=codec)
    raw = path.read_bytes()
    middle = len(raw) // 2
    path.write_bytes(raw[:middle] + (b"" if kind == "cut"
                                     else b"\x55" * 20_000 + raw[middle + 20_000:]))
    clips = one(path, tmp_path / "cache")
    assert 1 <= len(clips) <= 2
    assert clips.report[0][1].startswith("damaged or cut off: only its first ")


def test_where_nothing_remains_the_first_reasons_are_told(tmp_path):
    table(tmp_path, [(f"{i}.mp4", "a film") for i in range(5)])
    with pytest.raises(CourseError) as error:
        prepare(entries(tmp_path), tmp_path / "cache", name="pets")
    assert str(error.value).startswith("None of the 5 pets can be used (0.mp4, line 2: missing: ")
    assert "2.mp4" in str(error.value) and "3.mp4" not in str(error.value)
    with pytest.raises(CourseError, match="at least one entry"):
        prepare([], tmp_path / "cache")
    for i in range(5):
        make(tmp_path / f"{i}.mp4", clock(16), 8)
    assert len(prepare(entries(tmp_path), tmp_path / "cache")) == 5


@pytest.mark.parametrize("size", [0, 40, 144, "48", 48.5])
def test_a_size_that_is_none_is_told(tmp_path, size):
    with pytest.raises(CourseError, match="multiple of 16 from 32 to 128"):
        prepare([], tmp_path, size)


# The cache

@pytest.fixture
def five(tmp_path):
    """A folder of five films with their captions; film i has the level 20 + 40 i."""
    folder = tmp_path / "films"
    folder.mkdir()
    for i in range(5):
        make(folder / f"{i}.mp4", flat(20 + 40 * i, 16 + 16 * (i == 1)), 8, tone(4))
    return table(folder, [(f"{i}.mp4", f"film {'abcab'[i]}") for i in range(5)])


def test_what_is_loaded_is_what_was_prepared(five, tmp_path):
    clips = prepare(entries(five), tmp_path / "cache")
    assert len(clips) == 6 and clips.vocabulary == ("", "a", "b", "c", "film")
    (rows,) = clips.draw(50, torch.Generator().manual_seed(0))
    assert rows.dtype == torch.int64 and rows.shape == (50,) and set(rows.tolist()) == set(range(6))
    video, audio, ids, which, heard = clips.load(torch.tensor([5, 2, 0]))
    assert video.shape == (3, 16, 48, 48, 1) and video.dtype == torch.uint8
    assert [round(v.float().mean().item(), -1) for v in video] == [180, 60, 20]
    assert audio.shape == (3, 16000) and audio.dtype == torch.float32
    assert 0.4 < audio.abs().max() <= 1
    assert ids.tolist() == [[4, 2], [4, 2], [4, 1]] and ids.dtype == torch.int64
    assert which.tolist() == [[1], [1], [0]] and which.dtype == torch.int64
    assert heard.tolist() == [True] * 3 and heard.dtype == torch.bool
    assert clips.audio.dtype == np.int16 and clips.ids.dtype == np.int32


def test_the_same_clips_are_not_read_again(five, tmp_path, count_opened, monkeypatch):
    prepare(entries(five), tmp_path / "cache")
    assert count_opened == [f"{i}.mp4" for i in range(5)]
    monkeypatch.setattr(av, "open", lambda *rest, **more: pytest.fail("a file is opened"))
    assert len(prepare(entries(five), tmp_path / "cache")) == 6
    assert len(Prepared(prepare(entries(five), tmp_path / "cache").cache)) == 6


@pytest.mark.parametrize("change", ["caption", "file", "time", "order", "size", "row"])
def test_changed_clips_are_prepared_anew(five, tmp_path, count_opened, change):
    prepare(entries(five), tmp_path / "cache")
    (tmp_path / "cache" / "mine.txt").write_text("not of the cache")
    rows = [(f"{i}.mp4", f"film {'abcab'[i]}") for i in range(5)]
    if change == "file":
        make(five / "3.mp4", flat(200, 16), 8)
    if change == "time":
        os.utime(five / "3.mp4", (1, 1))
    rows = {"caption": [("0.mp4", "nothing"), *rows[1:]], "order": rows[::-1],
            "row": rows[:3]}.get(change, rows)
    size = 64 if change == "size" else None
    clips = prepare(entries(table(five, rows)), tmp_path / "cache", size)
    assert len(count_opened) == 5 + len(rows)
    assert clips.video.shape[2] == (64 if change == "size" else 48)
    assert len(clips) == (4 if change == "row" else 6)
    assert ("nothing" in clips.vocabulary) == (change == "caption")
    assert (tmp_path / "cache" / "mine.txt").exists()


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in KINDS)


def test_what_an_interrupted_preparation_left_is_cleared_away(five, tmp_path, monkeypatch):
    whole, made = prepare(entries(five), tmp_path / "whole"), []

    def interrupt(entry, *rest):
        made.append(entry)
        if len(made) == 3:
            raise KeyboardInterrupt
        return film_reader.read(entry, *rest)
    monkeypatch.setattr(clips, "read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare(entries(five), tmp_path / "cache")
    (tmp_path / "cache" / "cache-123.part").mkdir()  # of a process that could not clear it away
    assert same(prepare(entries(five), tmp_path / "cache"), whole)
    assert len(list((tmp_path / "cache").glob("cache-*"))) == 1


CONTEXT = multiprocessing.get_context("forkserver")  # they start quickly, without our threads
CONTEXT.set_forkserver_preload(["lessons.sources.clips"])


def in_process(work, *arguments):
    process = CONTEXT.Process(target=work, args=arguments)
    process.start()
    return process


def prepare_together(barrier, *arguments):
    barrier.wait(60)
    prepare(*arguments)


def test_killed_at_any_moment_the_next_start_finds_a_whole_cache(five, tmp_path):
    whole = prepare(entries(five), tmp_path / "whole")
    for name in "ab":  # the first one starts the server, too
        started = time.perf_counter()
        (process := in_process(prepare, entries(five), tmp_path / name)).join()
        assert process.exitcode == 0
    lasts, rng, found = time.perf_counter() - started, random.Random(0), []
    for moment in [0, *(rng.uniform(0, 1.2 * lasts) for _ in range(18)), None]:
        process = in_process(prepare, entries(five), tmp_path / "cache")
        if moment is None:
            process.join()  # once after its end, whatever else keeps the machine busy
        else:
            time.sleep(moment)
        process.kill()
        process.join()
        found.append(any(clips._is_whole(place) for place in (tmp_path / "cache").glob("cache-*")))
        assert same(prepare(entries(five), tmp_path / "cache"), whole)
        shutil.rmtree(tmp_path / "cache")
    assert set(found) == {False, True}  # the moments lie on both sides


def test_two_that_start_at_once_share_one_cache(five, tmp_path):
    barrier = CONTEXT.Barrier(2)
    both = [in_process(prepare_together, barrier, entries(five), tmp_path / "cache")
            for _ in range(2)]
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert same(prepare(entries(five), tmp_path / "cache"), prepare(entries(five), tmp_path / "b"))


@pytest.mark.parametrize("name", ["video.raw", "ids.raw", "clips.json"])
def test_a_damaged_cache_is_prepared_anew(five, tmp_path, name):
    cache = prepare(entries(five), tmp_path / "cache").cache
    (cache / name).write_bytes((cache / name).read_bytes()[:-3])
    with pytest.raises(CourseError, match="no whole cache"):
        Prepared(cache)
    clips = prepare(entries(five), tmp_path / "cache")
    assert len(clips) == 6 and clips.video[5].mean().round(-1) == 180


def test_a_full_disk_and_a_folder_in_the_way_are_told(five, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CourseError, match="Cannot write .*file"):
        prepare(entries(five), tmp_path / "file")

    def full(*rest):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(clips, "_finish", full)
    with pytest.raises(CourseError) as error:
        prepare(entries(five), tmp_path / "cache")
    assert "No space left on device" in str(error.value) and "free some space" in str(error.value)


def test_memory_does_not_grow_with_the_clips(tmp_path):
    path = make(tmp_path / "a.mp4", flat(100, 16, 32, 32), 8)

    def peak(n):
        tracemalloc.start()
        clips = prepare((Entry(path, f"film {i % 5}") for i in range(n)), tmp_path / f"{n}", 32)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(clips) == n
        return top
    peak(2)  # what is made once
    small, large = peak(10), peak(60)
    assert large < small + 200_000  # 50 pieces have 2.4 million bytes


def test_the_summary_groups_what_was_left_out(five, tmp_path):
    rows = [(f"{i}.mp4", "film") for i in range(9)] + [("0.mp4", "?")]
    text = summary(prepare(entries(table(five, rows)), tmp_path / "cache", name="pets"))
    assert text.splitlines() == [
        "pets: 5 of 10 clips, 6 pieces of 2 seconds, 6 of them with sound",
        "frames of 48 x 48 pixels, grey; words: 1",
        "4 x missing: there is no such file (5.mp4, line 7; 6.mp4, line 8; 7.mp4, line 9; ...)",
        "1 x caption refused: The caption '?' has no word: say what is seen (0.mp4, line 11)"]


# metadata.csv

@pytest.mark.parametrize("content", [
    b"file_name,caption\na.mp4,\"a dog, then a cat\"\n",
    b"\xef\xbb\xbffile_name,caption\r\na.mp4,\"a dog, then a cat\"\r\n",
    b"id,caption,file_name,split\n7,\"a dog, then a cat\",a.mp4,train\n",
    b"file_name, caption\n\na.mp4,\"a dog, then a cat\""])
def test_tables_as_programs_write_them(tmp_path, content):
    (tmp_path / "metadata.csv").write_bytes(content)
    (tmp_path / "a.mp4").write_bytes(b"")
    [entry] = entries(tmp_path)
    assert entry.path == tmp_path / "a.mp4" and entry.name == "a.mp4"
    assert tokens(entry.caption) == ["a", "dog", "then", "a", "cat"]
    assert entry.first is entry.last is None


@pytest.mark.parametrize("content,sentence", [
    (b"", "has no column file_name and no column caption"),
    (b"file,caption\na,b\n", "has no column file_name: its first line must name file_name and "),
    (b"file_name;caption\na;b\n", "no column file_name and no column caption"),
    (b"file_name,caption\n", "has no rows"), (b"file_name,caption\n\xff\xfe,b\n", "in UTF-8")])
def test_tables_that_cannot_be_used_are_told(tmp_path, content, sentence):
    (tmp_path / "metadata.csv").write_bytes(content)
    with pytest.raises(CourseError) as error:
        entries(tmp_path)
    assert sentence in str(error.value) and "\n" not in str(error.value)


def table_of(folder, text, films=("1.mp4", "2.mp4", "3.mp4")):
    """A folder with a table as written and films that hold nothing."""
    (folder / "metadata.csv").write_text(text, encoding="utf-8")
    for name in films:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")
    return clips.Table(folder)


def test_a_comma_that_is_not_in_quotes_cuts_no_caption(tmp_path):
    found = list(table_of(tmp_path, "file_name,caption\n1.mp4,a man walks, then runs\n"
                                    "2.mp4,a dog\n"))
    assert found[0].line == 2 and found[0].fault.startswith("row refused: it has 3 fields for 2 ")
    assert "put the caption in quotes" in found[0].fault and not found[1].fault


def test_spaces_around_quotes_belong_to_no_caption(tmp_path):
    found = table_of(tmp_path, 'file_name, caption\n1.mp4, "a red, round ball" \n'
                               '2.mp4,"a ""dog"", running"\n3.mp4,a 5" disc\n')
    assert [entry.caption for entry in found] == ["a red, round ball", 'a "dog", running',
                                                  'a 5" disc']
    assert not any(entry.fault for entry in found)


@pytest.mark.parametrize("rows,line", [
    ('1.mp4,"a ball\n2.mp4,a dog\n3.mp4,a cat\n', "from line 2 on"),
    ('1.mp4,a ball\n2.mp4,"a dog\n3.mp4,"a cat"\n', "from line 3 on"),
    ('1.mp4,"a ball\n2.mp4,a dog\n3.mp4,a cat"\n', "opens in line 2"),
    ('1.mp4,"a" ball\n', "from line 2"), ("1.mp4," + "long " * 200_000 + "\n", "from line 2")])
def test_a_quote_that_is_not_closed_and_a_caption_without_end_stop_everything(tmp_path, rows, line):
    with pytest.raises(CourseError) as error:
        table_of(tmp_path, "file_name,caption\n" + rows)
    assert line in str(error.value) and "metadata.csv" in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_a_caption_of_several_lines_is_one(tmp_path):
    [entry, after] = table_of(tmp_path, 'file_name,caption\n1.mp4,"a dog\n\nruns"\n2.mp4,b\n')
    assert tokens(entry.caption) == ["a", "dog", "runs"] and after.line == 5


@pytest.mark.parametrize("head,said", [
    ("file_name,text", "its column text is taken"), ("prompt,File_Name", "its column prompt is ")])
def test_other_tools_names_for_the_caption_are_taken_and_told(tmp_path, head, said):
    row = "1.mp4,1.mp4"
    found = table_of(tmp_path, f"{head}\n{row}\n")
    assert [entry.caption for entry in found] == ["1.mp4"] and said in found.notes[0]


@pytest.mark.parametrize("head,said", [
    ("file_name,text,prompt", "no column caption: .* says 'file_name, text, prompt'"),
    ("video,label", "no column file_name and no column caption.* 'video, label'"),
    ("file_name,caption,caption", "two columns caption")])
def test_columns_that_are_missing_or_twice_there_are_told(tmp_path, head, said):
    with pytest.raises(CourseError, match=said):
        table_of(tmp_path, f"{head}\n1.mp4,a,b\n")


def test_films_that_no_row_lists_columns_that_are_not_used_and_shards_are_told(tmp_path):
    found = table_of(tmp_path, "file_name,caption,split\na/1.mp4,a dog,train\n",
                     ("a/1.mp4", "a/2.MOV", "3.gif", ".4.mp4", "notes.txt", "x.tar"))
    assert found.notes == ["metadata.csv: not used of its columns: split",
                           "2 x in no row of metadata.csv, and not used: 3.gif; a/2.MOV",
                           "1 x not read: the folder has a metadata.csv, so its films are used: "
                           "x.tar"]


@pytest.mark.parametrize("written,there", [
    ("videos\\1.mp4", "videos/1.mp4"), ("caf\u00e9.mp4", "cafe\u0301.mp4"),
    ("cafe\u0301.mp4", "caf\u00e9.mp4")])
def test_names_of_other_systems_are_found(tmp_path, written, there):
    found = table_of(tmp_path, f"file_name,caption\n{written},a dog\n", (there,))
    assert [entry.path for entry in found] == [tmp_path / there] and not found.notes


def test_the_reason_of_each_refused_caption_is_told(tmp_path):
    path = make(tmp_path / "a.mp4", clock(16), 8)
    said = summary(prepare([Entry(path, text) for text in ("🎉", "❤️", "one " * 41, "a dog")],
                           tmp_path / "cache"))
    assert "2 x caption refused: The caption '🎉' has no word: say what is seen" in said
    assert "1 x caption refused: it has 41 words, more than 40" in said


def test_no_folder_and_no_table_are_told(tmp_path):
    with pytest.raises(CourseError, match="no folder .*nowhere"):
        entries(tmp_path / "nowhere")
    with pytest.raises(CourseError, match="no metadata.csv: write one with the columns"):
        entries(tmp_path)
    (tmp_path / "clips-000000.tar").touch()
    with pytest.raises(CourseError, match="no metadata.csv: its shards train without a check"):
        entries(tmp_path)


def test_a_row_without_a_caption_is_left_out(tmp_path):
    make(tmp_path / "a.mp4", clock(16), 8)
    (tmp_path / "metadata.csv").write_text("file_name,caption\na.mp4\na.mp4,good\n,lost\n")
    clips = prepare(entries(tmp_path), tmp_path / "cache")
    assert len(clips) == 1 and [why.split(":")[0] for _, why in clips.report] == [
        "caption refused", "missing"]


# Words

@pytest.mark.parametrize("text,words", [
    ("A Dog's  day, isn’t it?", ["a", "dog's", "day", "isn't", "it"]),
    ("'quoted' 2 men-at-arms", ["quoted", "2", "men", "at", "arms"]),
    ("一个红衣男人先走后跑。", list("一个红衣男人先走后跑")),
    ("狗 runs快", ["狗", "runs", "快"]), ("Ёлка горит", ["ёлка", "горит"]),
    ("हिन्दी में", ["हिन्दी", "में"]), ("cafe\u0301", ["café"]), ("ＡＢＣ１", ["abc1"]),
    ("tab\tand\nline", ["tab", "and", "line"]), ("fun 🎉️", ["fun"])])
def test_captions_fall_into_words(text, words):
    assert tokens(text) == words


@pytest.mark.parametrize("text", ["", "…!", "a\x00b", "x" * 401, "''"])
def test_captions_that_are_refused(text):
    with pytest.raises(CourseError):
        tokens(text)


def test_captions_become_numbers_and_unknown_words_are_told():
    words = vocabulary(["a dog runs", "狗跑", "a cat"])
    assert words == ("", "a", "cat", "dog", "runs", "狗", "跑")
    ids = encode(["A cat!", "狗跑", "a dog runs"], words)
    assert ids.dtype == torch.int64 and ids.tolist() == [[1, 2, 0], [5, 6, 0], [1, 3, 4]]
    assert encode(["cat"], words, 4).tolist() == [[2, 0, 0, 0]]
    with pytest.raises(CourseError, match="word 'run' stands in no caption .* mean 'runs'"):
        encode(["a dog run"], words)
    with pytest.raises(CourseError, match="more than 2 words"):
        encode(["a dog runs"], words, 2)
    for wrong in ("a dog", []):
        with pytest.raises(CourseError, match="as a list"):
            encode(wrong, words)
    many = vocabulary([f"word{i}" for i in range(999)])
    with pytest.raises(CourseError) as error:
        encode(["狗"], many)
    assert len(str(error.value)) < 300


# A real film

def test_a_real_film_with_six_channels_of_sound(tmp_path):
    path = downloads.data_home() / "clips" / "bigbuckbunny.mp4"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    table(tmp_path, [("bunny.mp4", "A big rabbit, under a tree.")])
    shutil.copy(path, tmp_path / "bunny.mp4")
    clips = prepare(entries(tmp_path), tmp_path / "cache")
    assert clips.video.shape == (2, 16, 32, 64, 3) and clips.heard.all()
    assert [why.split(":")[0] for _, why in clips.report] == [
        "its end fills no piece of 2 seconds", "cropped"]
    assert 0.1 < clips.load(torch.tensor([0, 1]))[1].abs().max() < 1
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    for row, slot in itertools.product(range(2), (0, 7, 15)):
        truth = frames[math.floor((2 * row + slot / 8) * 25)].mean((0, 1))
        assert np.allclose(clips.video[row, slot].mean((0, 1)), truth, atol=12)



# The front door

@pytest.fixture
def home(five, tmp_path, monkeypatch):
    """The five films, of which the second is not listed, and a cache of their own."""
    monkeypatch.setenv("LESSONS_DATA_HOME", str(tmp_path / "home"))
    return table(five, [(f"{i}.mp4", f"film {'abcab'[i]}") for i in (0, 2, 3, 4)])


def run(*arguments):
    return __main__.main([str(argument) for argument in arguments])


def test_check_says_what_training_would_make_of_a_folder(home, tmp_path, capsys):
    (home / "more.tar").write_bytes(b"")
    assert run("check", home, "--size", 32, "--fit", "pad") == 0
    said = capsys.readouterr().out
    assert "films: 4 of 4 clips, 4 pieces" in said and "1 x in no row of metadata.csv" in said
    assert "more.tar" in said
    assert [line.split()[:4] for line in said.splitlines() if line.startswith("3.mp4")] == [
        ["3.mp4", "1", "film", "a"]]
    with Image.open(tmp_path / "films-check.png") as sheet:
        assert sheet.format == "PNG" and sheet.width > 300
    assert run("check", home, "--out", tmp_path / "X.PNG") == 0 and (tmp_path / "X.PNG").exists()
    assert run("check", home, "--out", tmp_path / "x.jpg") == 2
    assert run("check", tmp_path / "nowhere") == 2
    assert capsys.readouterr().err.count("\n") >= 2


def test_a_run_is_resumed_with_the_same_words_and_clips_alone(home, tmp_path, capsys):
    order = "train", "--data", home, "--size", 32, "--out", tmp_path / "run", "--steps"
    assert run(*order, 3) == 0 and run(*order, 3) == 2  # the second time it must be resumed
    for rows, said in (([(0, "film a"), (2, "film c"), (3, "film a"), (4, "cat b")],
                        "other words (new: 'cat')"),
                       ([(0, "film a"), (2, "film c"), (3, "film a")],
                        "other words (gone: 'b')"),
                       ([(0, "film c"), (2, "film a"), (3, "film a"), (4, "film b")],
                        "other clips (gone: '0.mp4: film a', '2.mp4: film c'; new: '0.mp4")):
        table(home, [(f"{i}.mp4", text) for i, text in rows])
        capsys.readouterr()
        assert run(*order, 4, "--resume") == 2
        assert said in (sentence := capsys.readouterr().err.splitlines()[-1]), sentence
        assert str(tmp_path / "run") in sentence
    table(home, [(f"{i}.mp4", f"film {'abcab'[i]}") for i in (0, 2, 3, 4)])
    assert run(*order, 4, "--resume") == 0


def test_silent_clips_that_do_not_move_train_for_the_whole_time_and_score_as_json(
        home, tmp_path, capsys):
    for i in range(5):
        make(home / f"{i}.mp4", flat(100, 16), 8)
    assert run("train", "--data", home, "--out", tmp_path / "run", "--steps", 30) == 0
    steps = [load_checkpoint(path)[1]["step"] for path in
             (tmp_path / "run").glob("*/training.safetensors")]
    assert len(steps) == 3 and sum(steps) >= 28  # the sound's share goes to the others
    capsys.readouterr()
    assert run("score", "--model", tmp_path / "run", "--json") == 0
    said = capsys.readouterr()
    numbers = json.loads(said.out, parse_constant=lambda word: pytest.fail(word))
    assert numbers["motion"] is None and "No number for motion" in said.err
    words = ["film a", "--model", tmp_path / "run", "--out"]
    assert run("generate", *words, tmp_path / "X.MP4") == 0 and (tmp_path / "X.MP4").exists()


def test_a_tar_beside_the_table_makes_no_shards_of_a_folder(home, capsys):
    (home / "download.tar").write_bytes(b"no tar")
    assert len(sources.clips_of(home)) == 4
    assert "download.tar" in capsys.readouterr().out


def test_digits_and_shards_have_sizes_of_their_own(tmp_path, capsys):
    assert run("train", "--data", "digits", "--fit", "pad", "--out", tmp_path / "run") == 2
    assert run("train", "--data", "theatre", "--fit", "pad", "--out", tmp_path / "run") == 2
    assert capsys.readouterr().err.count("leave") == 2


@pytest.mark.parametrize("fps", [5, 7, 8, 12, 29.97])
def test_films_are_written_at_the_rate_that_was_asked_for(tmp_path, fps):
    video = np.arange(40, dtype=np.uint8)[:, None, None, None].repeat(16, 1).repeat(16, 2)
    (tmp_path / "a.gif").write_bytes(media.gif(video * 5, fps))
    (tmp_path / "a.mp4").write_bytes(media.mp4(video * 5, np.zeros(8000), fps, 8000))
    for name in ("a.gif", "a.mp4"):
        assert film_reader.Film(tmp_path / name).seconds == pytest.approx(40 / fps, rel=0.005)
