"""Lesson 8: scripts, one actor throughout, subtitles, the film as a file, the ideas taken away."""

import dataclasses
from dataclasses import replace

import av
import numpy as np
import pytest
import torch

from lessons import __main__, frames, short_film, text_to_video
from lessons.display import films, media, show, subtitles
from lessons.errors import CourseError
from lessons.judges import clips
from lessons.studies import ablations, games, study
from lessons.world import captions, vocabulary
from lessons.world.scene import Scene
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import WORDS, encode

SCRIPT = """a red woman walks to the right with calm music
then she runs

一个女人跳
waves to the left without music"""


@pytest.fixture(scope="module")
def model():
    return text_to_video.load_model("theatre")


@pytest.fixture(scope="module")
def film(model):
    return short_film.shoot(model, SCRIPT, seed=3)


def obeyed(shots, texts):
    """Which shots show all that is said, as the judge reads them."""
    return clips.obeyed(clips.read_clips(clips.clip_judge(), shots), texts)["all"]


def test_a_line_takes_what_it_leaves_open_from_the_line_before():
    lines, scenes = short_film.read_script(SCRIPT)
    assert lines == [line for line in SCRIPT.splitlines() if line]
    assert scenes == [Scene("woman", "red", ("walk",), "right", "calm"),
                      Scene("woman", "red", ("run",), "right", "calm"),
                      Scene("woman", "red", ("jump",), "right", "calm"),
                      Scene("woman", "red", ("wave",), "left", "none")]


def test_a_script_can_be_chinese_with_a_pronoun():
    _, scenes = short_film.read_script("一个红衣男人走\n然后他跑")
    assert [scene.actions for scene in scenes] == [("walk",), ("run",)]
    assert scenes[1].actor == "man" and scenes[1].color == "red"


@pytest.mark.parametrize("line, actor", [
    ("he walks", "man"), ("She waves her hand", "woman"), ("他在走", "man"), ("她挥手", "woman")])
def test_a_pronoun_in_the_first_line_says_who_it_is(line, actor):
    assert {short_film.read_script(line, seed)[1][0].actor for seed in range(8)} == {actor}


@pytest.mark.parametrize("line", [
    "then he runs", "Then, he runs", "and he runs.", "He ran", "he is running", "然后他跑",
    "然后，他跑"])
def test_a_pronoun_in_a_later_line_is_who_was_there(line):
    for actor in ("man", "child"):
        first = Scene(actor, "red", ("walk",), "right", "calm")
        later = short_film.read_line(line, first, np.random.default_rng(0))
        assert later == Scene(actor, "red", ("run",), "right", "calm")


def test_somebody_new_has_a_colour_and_a_side_of_their_own():
    drawn = [short_film.read_script("a red man walks to the left with calm music\na woman runs", k)
             [1][1] for k in range(20)]
    assert {scene.color for scene in drawn} > {"red"} and len({s.direction for s in drawn}) == 2
    assert {(scene.actor, scene.music) for scene in drawn} == {("woman", "calm")}


def test_what_the_first_line_leaves_open_is_drawn_once():
    _, scenes = short_film.read_script("someone walks\nruns", seed=5)
    assert scenes[0].actor == scenes[1].actor and scenes[0].color == scenes[1].color
    drawn = {short_film.read_script("someone walks", seed=seed)[1][0].color for seed in range(20)}
    assert len(drawn) > 1


@pytest.mark.parametrize("script, sentence", [
    ("", "one to 8 lines, one a shot, not 0"),
    ("\n".join(["a man runs"] * 9), "one to 8 lines, one a shot, not 9"),
    ("a man runs\na man flies", "Line 2 of the script: Unknown word 'flies'"),
    ("a man runs\nthen she waves", "Line 2 of the script: 'she' would be the man"),
])
def test_a_script_that_cannot_be_read_is_told_with_its_line(script, sentence):
    with pytest.raises(CourseError, match=sentence):
        short_film.read_script(script)


def test_each_shot_begins_where_the_last_one_ended_if_there_is_room():
    place = torch.tensor([[0.3, 0.4, 0.5], [0.6, 0.7, 0.8], [0.4, 0.5, 0.6]])
    moved = short_film.stand_where_it_stood(place)
    assert torch.allclose(moved[0], place[0])
    assert torch.allclose(moved[1], torch.tensor([0.5, 0.6, 0.7]))
    assert torch.allclose(moved[2], torch.tensor([0.54, 0.64, 0.74]))  # further is no room
    endless = torch.tensor([[0.5, 0.5], [0.1, 0.95]])
    assert torch.equal(short_film.stand_where_it_stood(endless)[1], endless[1])


MAN, WOMAN = (Scene(who, "red", ("walk",), "right") for who in ("man", "woman"))


@pytest.mark.parametrize("way", [(0.5, 0.5), (0.3, 0.4), (0.7, 0.6)])
@pytest.mark.parametrize("taken", [0.3, 0.5, 0.7])
def test_somebody_new_does_not_stand_where_the_last_one_stood(way, taken):
    place = torch.tensor([[0.5, taken], way, [0.5, 0.5]])
    moved = short_film.arrange(place, [MAN, WOMAN, WOMAN])
    assert (moved[1, 0] - taken).abs() > 0.15 and torch.allclose(moved[1].diff(), place[1].diff())
    assert moved[1].min() > 0.25 and moved[1].max() < 0.75
    assert moved[2, 0] == moved[1, 1] and torch.equal(moved[0], place[0])


def test_a_figure_jumps_where_it_could_not_go_on_and_somebody_new_does_not():
    place = torch.tensor([[0.2, 0.4], [0.42, 0.7], [0.3, 0.5], [0.5, 0.5]])
    jumps = short_film.jumps(place, [MAN, MAN, MAN, WOMAN])
    assert jumps[:2] == [0, 0] and jumps[2] == pytest.approx(-0.4) and np.isnan(jumps[3])


STAGE = np.full((3, 16, 48, 48, 3), 200, np.uint8)


def test_where_somebody_new_comes_the_picture_is_dark():
    light = films.edited(STAGE, [0, np.nan, 0])[..., 0, 0, 0]             # (3, 16)
    assert light[0, -2:].tolist() == [110, 30] and light[1, :2].tolist() == [30, 110]
    assert (light[0, :-2] == 200).all() and (light[1, 2:] == 200).all() and (light[2] == 200).all()


def test_where_a_figure_would_jump_the_camera_catches_up_and_nothing_is_dark():
    video = np.zeros_like(STAGE)
    video[0, :, 10:30, 38:40], video[1:, :, 10:30, 14:16] = 200, 200      # right, then left
    shown = films.edited(video, [0, -0.5, 0])
    middle = (shown[..., 20, :, 0] * np.arange(48)).sum(-1) / shown[..., 20, :, 0].sum(-1)
    by_frame = np.diff(middle.reshape(-1))                                # pixels
    assert middle[0, 0] == 38.5 and middle[-1, -1] == 14.5
    assert (by_frame <= 0).all() and by_frame.min() >= -6 and shown.max() == 200


def test_the_marks_on_the_floor_stand_still_while_the_camera_does():
    video = np.zeros_like(STAGE)
    video[:, :, 44:] = films.FLOOR
    marks = (films.edited(video, [0, -0.5, 0]) > films.FLOOR).all(-1)[:, :, 46].reshape(48, 48)
    moved = (marks[1:] != marks[:-1]).any(1).nonzero()[0] + 1             # frames
    assert marks[0].sum() == 4 and set(moved) <= set(range(13, 20)) and len(moved) >= 5


@pytest.mark.parametrize("line, subtitle", [
    ("a red woman walks (to the right, with calm music)", "a red woman walks"),
    ("then she runs with cheerful background music", "then she runs"),
    ("A man walks to the left, with calm music.", "A man walks to the left."),
    ("waves without music", "waves"), ("a man in red runs in silence", "a man in red runs"),
    ("a child runs to cheerful music", "a child runs"),
    ("一个红衣男人走，配着平静的音乐", "一个红衣男人走"), ("他跑（向左）", "他跑"),
    ("一个女人跳，没有音乐", "一个女人跳"), ("然后她挥手", "然后她挥手"),
    ("a man walks to the right", "a man walks to the right"), ("(a man runs)", "(a man runs)")])
def test_a_subtitle_has_no_stage_directions(line, subtitle):
    assert subtitles.seen(line) == subtitle
    assert captions.parse(line).actions  # which the reader understands


def test_the_take_is_kept_that_goes_on_as_the_last_shot_did():
    t = torch.arange(16.0)
    walk = torch.stack([torch.sin(0.9 * t), torch.cos(0.9 * t)], 1).repeat(1, 8)  # (T, MOTION)
    last, takes = torch.zeros(16, frames.PATH), torch.zeros(16, 16, frames.PATH)
    last[:, -frames.MOTION:] = walk
    for k in range(16):
        phase = 0.9 * t + 2 * torch.pi * k / 16
        takes[k, :, -frames.MOTION:] = torch.stack([phase.sin(), phase.cos()], 1).repeat(1, 8)
    takes[..., 0] = torch.randn(16, 16)             # who it is does not matter
    goes_on = 0.9 * 16 / (2 * torch.pi) * 16 % 16   # the phase one frame later, 4.7
    best = short_film.best_take(last[-2:], takes)
    assert abs(best - goes_on) < 1
    assert short_film.best_takes(torch.stack([last.expand(16, -1, -1), takes])) == [0, best]


def test_who_turns_round_or_comes_later_is_no_ghost(model):
    """Content knows who it is and where one looks: every shot has that of its own kind."""
    script = ("a blue man walks to the right\nwaves to the left\na yellow woman runs to the left\n"
              "jumps to the right\na blue man stands to the right")
    film = short_film.shoot(model, script, seed=4)
    assert obeyed(film.shots.video, film.shots.captions).min() == 1
    content = torch.arange(3.0)[:, None, None].expand(3, 16, frames.PATH)       # (K, T, D)
    kept = short_film.cast(content, [film.scenes[k] for k in (0, 1, 4)])[:, 0, 0]
    assert kept.tolist() == [0, 1, 0]


def test_every_shot_of_long_scripts_shows_what_its_line_says(model):
    """As often as a single caption does: 319 of 320 shots of 40 scripts like these."""
    rng, shots, texts = np.random.default_rng(0), [], []
    for seed in range(12):
        verbs = rng.choice(["stands", "walks", "runs", "jumps", "waves", "walks then waves",
                            "runs then stands", "a blue man walks", "a red woman jumps"], 7)
        sides = rng.choice(["", " to the left", " to the right"], 7)
        film = short_film.shoot(model, "\n".join(
            ["a green child walks to the left without music",
             *("then " + verb + side for verb, side in zip(verbs, sides, strict=True))]), seed)
        shots.append(film.shots.video)
        texts += film.shots.captions
    assert obeyed(np.concatenate(shots), texts).mean() >= 0.98


def test_a_film_is_shot_with_the_learners_own_parts(film):
    """Of every exercise that a film goes through the learner's function is called, and parts that
    do what the course's do give the same film."""
    called = set()

    def mine(name):
        def part(*given, **named):
            called.add(name)
            return getattr(short_film.LIBRARY, name)(*given, **named)
        return part
    names = {field.name for field in dataclasses.fields(short_film.Parts)}
    parts = short_film.Parts(**{name: mine(name) for name in names})
    made = short_film.shoot(text_to_video.load_model("theatre", parts=parts), SCRIPT, 3, parts)
    assert np.array_equal(made.frames(), film.frames())
    assert np.array_equal(made.audio, film.audio)
    assert called == names - {"one_content"}  # which makes paths of real films
    assert short_film.Parts(swap_motion=parts.swap_motion).own() == ["swap_motion"]


def test_a_model_without_sound_makes_a_silent_film(model):
    import copy
    silent = copy.copy(model)
    silent.sound = None
    film = short_film.shoot(silent, "a man walks\nruns")
    assert film.audio.shape == (32_000,) and not film.audio.any()


def test_a_film_has_two_seconds_of_picture_and_sound_a_line(film):
    assert film.video.shape == (64, 48, 48, 3) and film.video.dtype == np.uint8
    assert film.audio.shape == (4 * 16_000,) and np.abs(film.audio).max() <= 1
    assert film.frames().shape == (64, 461, 384, 3)
    assert film.frames()[:, 384:].max() > 200 and film.frames(words=False)[:, 384:].max() == 16


def test_the_same_actor_plays_all_shots(model):
    """In every shot of 12 scripts the judge reads the actor and the colour of the first line."""
    texts = [captions.describe(Scene(actor, color, ("walk",), "right", "none"))
             for actor in ("man", "woman", "child") for color in ("red", "blue", "green", "yellow")]
    shots = [short_film.shoot(model, text + "\nruns\njumps\nwaves to the left").shots.video
             for text in texts]
    reading = clips.read_clips(clips.clip_judge(), np.concatenate(shots))
    for name in ("actor", "color"):
        read = reading[name].argmax(1).view(12, 4)
        said = vocabulary.asked(texts, {name: vocabulary.ATTRIBUTES[name]})      # (12, 1)
        assert (read == said).float().mean() > 0.97


def test_a_line_that_is_changed_leaves_the_shots_before_it_as_they_are(model, film):
    other = short_film.shoot(model, SCRIPT.replace("一个女人跳", "stands"), seed=3)
    assert np.array_equal(film.video[:32], other.video[:32])
    assert not np.array_equal(film.video[32:48], other.video[32:48])


def test_the_file_is_h264_and_aac_as_browsers_play_them(film, tmp_path):
    film.save(tmp_path / "film.mp4")
    with av.open(tmp_path / "film.mp4") as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert picture.codec_context.name == "h264" and picture.codec_context.pix_fmt == "yuv420p"
        assert sound.codec_context.name == "aac" and sound.rate == 48_000
        assert abs(float(sound.duration * sound.time_base) - 8) < 0.05         # seconds
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(picture)]
        assert abs(container.duration / 1e6 - 8) < 0.3                         # seconds
    assert len(shown) == 64
    off = abs(shown[0][:384].astype(int) - film.frames()[0, :384])
    assert off.mean() < 6
    content = (tmp_path / "film.mp4").read_bytes()
    assert content.find(b"moov") < content.find(b"mdat")  # it can play before all of it is there
    with pytest.raises(CourseError, match="ends in .mp4"):
        film.save(tmp_path / "film.gif")


def test_the_sound_of_a_file_comes_when_its_picture_does(tmp_path):
    click, light = np.zeros(16_000, np.float32), np.zeros((16, 48, 48, 3), np.uint8)
    click[8000:8016], light[8:] = 0.8, 255                                     # both after a second
    (tmp_path / "film.mp4").write_bytes(media.mp4(light, click, 8, 8000))
    with av.open(tmp_path / "film.mp4") as container:
        heard = np.concatenate([block.to_ndarray()[0] for block in container.decode(audio=0)])
    assert abs(abs(heard).argmax() / 48_000 - 1) < 0.005                       # seconds


def test_subtitles_as_text_have_every_line_in_its_time(film, tmp_path):
    film.save(tmp_path / "film.mp4")
    head, *cues = (tmp_path / "film.vtt").read_text(encoding="utf-8").split("\n\n")
    assert head == "WEBVTT" and [cue.split("\n")[1].strip() for cue in cues] == [
        "a red woman walks to the right", "then she runs", "一个女人跳", "waves to the left"]
    assert cues[2].startswith("00:00:04.000 --> 00:00:06.000\n")
    assert subtitles.clock(3725.5) == "01:02:05.500"
    assert subtitles.clock(59.9996) == "00:01:00.000"


def test_a_script_is_shot_from_the_command_line(tmp_path, capsys):
    script, target = tmp_path / "script.txt", tmp_path / "film.mp4"
    script.write_text("a man walks\n他跳\n", encoding="utf-8")
    assert __main__.main(["film", str(script), "--out", str(target)]) == 0
    assert target.stat().st_size > 10_000 and "2 shots" in capsys.readouterr().out
    script.write_text("a man flies", encoding="utf-8")
    for bad in ([str(script)], [str(script), "--out", str(target)],
                [str(tmp_path / "none"), "--out", str(target)]):
        assert __main__.main(["film", *bad]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_subtitles_are_drawn_and_differ():
    scene = Scene("man", "red", ("run",), "right", "none")
    strips = [subtitles.subtitle(line, scene, 384) for line in ("a man runs", "a man walks")]
    assert strips[0].shape == (77, 384, 3) and strips[0].max() > 200
    assert not np.array_equal(*strips)
    chinese = subtitles.subtitle("一个男人跑步", scene, 384)
    assert chinese.max() > 200


def test_long_lines_are_wrapped_between_words():
    rows = subtitles.wrap("one two three four".split(), " ", len, 9)
    assert rows == ["one two", "three", "four"]
    assert subtitles.wrap(list("abcdef"), "", len, 4) == ["abcd", "ef"]
    assert subtitles.wrap(["incomprehensible", "a"], " ", len, 5) == ["incomprehensible", "a"]


def test_a_discriminator_that_sees_no_caption_judges_all_alike():
    torch.manual_seed(0)
    paths, blind = torch.randn(2, 16, frames.PATH), games.SeesNoCaption()
    one, other = (blind(paths, encode([text] * 2, WORDS))[0]
                  for text in ("a man walks", "一个女人跳"))
    assert torch.equal(one, other)


def test_the_comparison_plays_every_game_and_goes_on_where_it_was_cut(monkeypatch):
    monkeypatch.setattr(ablations, "idea_scores", lambda film: {
        "train": float(film(["a red man walks"], 1, 0).audio.any())})
    ideas, written = ["nothing", "3 · D sees the caption", "7 · D hears sound and path"], []
    short = replace(ablations.ABLATION, seeds=[ideas], settings={"steps": 1, "films": 40})
    results = short.compare(write=lambda results: written.append(str(results)))
    assert len(written) == 3
    assert [(run["variant"], run["seed"], run["train"]) for run in results["runs"]] == \
        [(ideas[0], 0, 1.0), (ideas[1], 0, 0.0), (ideas[2], 0, 1.0)]
    assert short.compare(results) is results
    assert results["references"] == dict.fromkeys(ablations.REFERENCES, {"train": 1.0})


def test_real_films_are_the_ceiling_and_those_of_others_the_floor():
    texts = [captions.describe(scene) for scene in Theatre.scenes(64, seed=9)]
    judge, heard = clips.clip_judge(), []
    for film in ablations.REFERENCES.values():
        films = film(texts, 1, 0)
        reading = clips.read_clips(judge, films.video)
        heard.append((clips.obeyed(reading, texts)["all"].mean(), films.audio))
    (whole, own), (none, swapped) = heard
    assert whole > 0.98 and none < 0.1
    assert not np.array_equal(own[1:], swapped[:-1]) and own.shape == swapped.shape


def test_what_was_compared_has_every_idea_three_times_and_bears_out_the_lesson():
    results = study.stored("ablation")
    assert results["settings"] == ablations.ABLATION.settings
    assert [(run["seed"], run["variant"]) for run in results["runs"]] == \
        [(seed, idea) for seed in range(3) for idea in ablations.IDEA_GAMES]
    assert set(results["references"]) == set(ablations.REFERENCES)

    def values(name, key):
        return [run[key] for run in results["runs"] if run["variant"] == name]
    whole = values("nothing", "train")
    assert max(values("3 · D sees the caption", "train")) < 0.05 < 0.9 < min(whole)
    for idea, key in (("5 · attention", "train two"), ("4 · energy score", "variety of place"),
                      ("6 · D sees changes", "jerk"), ("7 · D hears sound and path", "sync share")):
        assert ablations.ranges_apart(values("nothing", key), values(idea, key))


def test_the_table_has_a_row_for_each_idea_and_frames_what_is_clear(monkeypatch):
    shown = []
    monkeypatch.setattr(show, "figure", lambda fig, alt: shown.append((fig, alt)))
    ablations.show_ablation(study.stored("ablation"))
    (fig, alt), = shown
    ax = fig.axes[0]
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert {"real films", "all ideas", "without 5 · attention",
            "real films of other captions"} <= set(rows)
    framed = {(rows[int(patch.get_y())], int(patch.get_x())) for patch in ax.patches}
    assert 0 < len(framed) < (len(rows) - 3) * len(ablations.SHOWN)
    assert all(row.startswith("without") for row, _ in framed)
    assert ("without 5 · attention", ablations.SHOWN.index("train two")) in framed
    assert ("without 7 · D hears sound and path", ablations.SHOWN.index("train")) not in framed
    assert any(text.get_text().startswith("26%\n21% to 30%") for text in ax.texts)
    assert len(alt) > 200
