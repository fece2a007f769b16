"""The windows that `hosts.py` gives to every host: (N, M, T, V, 3), raw, as docs/model.md has them."""

import csv
import sys
import tomllib

import numpy as np

SEED = 0
# Clips of a dataset folder, spread over all of it.
CLIPS = 24


class Maker:
    """Bodies of one layout, each (T, V, 3)."""

    def __init__(self, card, seed):
        self.layout = card["layout"]
        self.frames = card["frames"]
        self.random = np.random.default_rng(seed)
        self.flat = self.layout.get("dimensions", 3) == 2

    def person(self, speed=1.0, away=0.0):
        """Bones of fixed length that swing about a way of their own, on hips that wander; metres.
        Of a 2D layout its picture from four metres, in pixels, some joints unseen."""
        time = np.linspace(0, 2, self.frames)[:, None]
        uniform = self.random.uniform

        def bone():
            length, frequency, phase = uniform(0.08, 0.35), uniform(0.2, 1.5), uniform(0, 2 * np.pi)
            way = uniform(-1, 1, 3) + uniform(0, 1, 3) * np.sin(2 * np.pi * frequency * speed * time + phase)
            return length * way / np.linalg.norm(way, axis=1, keepdims=True)

        joints = len(self.layout["joints"])
        centre = self.layout["centre"]
        root = np.array([0.2, 0.9, 3.0]) + uniform(-0.3, 0.3, 3) * speed * time
        placed = {centre: root}
        while True:
            near = [(a, b) for edge in self.layout["edges"] for a, b in (edge, edge[::-1]) if a not in placed and b in placed]
            if not near:
                break
            joint, parent = near[0]
            placed[joint] = placed[parent] + bone()
        # What no bone reaches.
        for joint in set(range(joints)) - set(placed):
            placed[joint] = root + bone()
        body = np.stack([placed[joint] for joint in range(joints)], 1)
        if self.flat:
            return self.picture(body, away)
        return (body + away * np.array([0.6, 0.0, 0.8])).astype(np.float32)

    def picture(self, body, away):
        x, y = 960 + 450 * body[..., 0] + away, 900 - 450 * body[..., 1]
        confidence = self.random.uniform(0.3, 1, x.shape)
        confidence[self.random.random(x.shape) < 0.05] = 0
        seen = confidence > 0
        return np.stack([x * seen, y * seen, confidence], -1).astype(np.float32)

    def still(self):
        return np.repeat(self.person()[:1], self.frames, 0)

    def passing(self):
        body = self.person()
        body[: self.frames // 3] = 0
        body[self.frames - self.frames // 5 :] = 0
        return body


def windows(card, folder=None):
    """Pairs of a name and windows, (N, M, T, V, 3)."""
    make = Maker(card, SEED)

    def people(n, m, body=make.person):
        return np.stack([np.stack([body() for _ in range(m)]) for _ in range(n)])

    cases = [
        ("one body", people(1, 1)),
        ("three windows", people(3, 1)),
        ("constant pose", people(1, 1, make.still)),
        # A kilometre; of a 2D layout as many pixels.
        ("far away", people(1, 1, lambda: make.person(away=1000.0))),
        ("ten times as fast", people(1, 1, lambda: make.person(speed=10.0))),
        ("comes and goes", people(1, 1, make.passing)),
        ("nobody", np.zeros_like(people(1, 1))),
    ]
    bodies = card["bodies"]
    if bodies > 1:
        absent = people(1, 2)
        absent[:, 1] = 0
        cases += [
            ("two bodies", people(1, 2)),
            ("two bodies, one absent", absent),
            ("three windows, two bodies", people(3, 2)),
        ]
    if bodies > 2:
        cases.append((f"{bodies} bodies", people(1, bodies)))
    if folder:
        clips = recorded(card, folder)
        cases.append((f"{len(clips)} recorded clips", clips[:, None]))
        if bodies > 1:
            # Each clip's person beside the next one's, as many data sets have one.
            cases.append((f"{len(clips)} pairs of them", np.stack([clips, np.roll(clips, 1, 0)], 1)))
    return cases


def recorded(card, folder):
    """The first body of clips of a dataset folder (docs/dataset.md), (N, T, V, 3)."""
    for name in ["dataset.toml", "samples.csv", "joints.npy"]:
        if not (folder / name).is_file():
            sys.exit(f"error: {folder / name}: not there; --data takes a dataset folder as docs/dataset.md has it")
    layout = tomllib.loads((folder / "dataset.toml").read_text())["layout"]
    if layout != card["layout"]["name"]:
        sys.exit(f"error: {folder / 'dataset.toml'}: layout {layout}, but the model's is {card['layout']['name']}: give a data set of that one")
    joints = np.load(folder / "joints.npy", mmap_mode="r")
    with open(folder / "samples.csv", newline="") as file:
        lengths = np.array([int(row["frames"]) for row in csv.DictReader(file)])
    starts = lengths.cumsum() - lengths
    chosen = np.unique(np.linspace(0, len(lengths) - 1, CLIPS).astype(int))
    clips = (joints[starts[i] : starts[i] + lengths[i], 0] for i in chosen)
    return np.stack([resample(clip, card) for clip in clips])


def resample(clip, card):
    """(L, V, 3) to (T, V, 3), linear with half-pixel centres."""
    last = len(clip) - 1
    place = ((np.arange(card["frames"]) + 0.5) * len(clip) / card["frames"] - 0.5).clip(0, last)
    if card["layout"].get("dimensions", 3) == 2:
        # A joint that was seen is not to be mixed with one that wasn't.
        return clip[place.round().astype(int)]
    before = place.astype(int)
    share = (place - before)[:, None, None]
    return ((1 - share) * clip[before] + share * clip[(before + 1).clip(max=last)]).astype(np.float32)
