"""What the released AimCLR code makes of a .skeleton file, from its text to class probabilities.

    python3 pipeline.py WEIGHTS FILE.skeleton...

A second opinion, written from the method's description with nothing but Python's own library, in
double precision and as plainly as possible: encoder in the published order of operations, batch
norms not folded. WEIGHTS is a PyTorch checkpoint (zip form) or a .safetensors file. Prints one JSON
object a file, with the probabilities of all classes. About ten seconds a body at published widths.
"""

import json
import math
import multiprocessing
import pickle
import struct
import sys
import zipfile
from operator import mul

JOINTS, BODIES, LIMIT, FRAMES = 25, 2, 300, 50
CENTRE, LEFT, RIGHT = 20, 4, 8
STRIDES = [1, 1, 1, 1, 2, 1, 1, 2, 1, 1]
TAPS, SUBSETS, EPSILON = 9, 3, 1e-5


def read_skeleton(path):
    """The first 300 frames, of each the first two bodies' joints; bodies that are not there are zero."""
    lines = iter(open(path, encoding="ascii").read().splitlines())
    frames = []
    for _ in range(int(next(lines))):
        bodies = []
        for _ in range(int(next(lines))):
            next(lines)
            joints = [next(lines).split()[:3] for _ in range(int(next(lines)))]
            bodies.append([[float(x) for x in joint] for joint in joints])
        nobody = [[0.0] * 3 for _ in range(JOINTS)]
        frames.append((bodies + [nobody] * BODIES)[:BODIES])
    return frames[:LIMIT]


def prepare(frames):
    """Two bodies of 50 frames: centred frame by frame, resized, turned about y."""
    length = sum(1 for frame in frames if frame[0][0] != [0.0] * 3) or len(frames)
    return [turn(resize([centred(frame[m]) for frame in frames[:length]])) for m in range(BODIES)]


def centred(body):
    origin = body[CENTRE]
    return [[x - o for x, o in zip(joint, origin)] for joint in body]


def resize(clip):
    resized = []
    for i in range(FRAMES):
        at = min(max((i + 0.5) * len(clip) / FRAMES - 0.5, 0.0), len(clip) - 1.0)
        low = int(at)
        high, share = min(low + 1, len(clip) - 1), at - low
        pairs = zip(clip[low], clip[high])
        resized.append([[a * (1 - share) + b * share for a, b in zip(p, q)] for p, q in pairs])
    return resized


def turn(clip):
    across = [(body[RIGHT][0] - body[LEFT][0], body[RIGHT][2] - body[LEFT][2]) for body in clip]
    sign = -1.0 if sum(z for _, z in across) >= 0 else 1.0
    turned = []
    for body, (vx, vz) in zip(clip, across):
        angle = sign * math.acos(vx / (math.hypot(vx, vz) + 1e-4))
        cos, sin = math.cos(angle), math.sin(angle)
        turned.append([[cos * x - sin * z, y, sin * x + cos * z] for x, y, z in body])
    return turned


class Checkpoint(pickle.Unpickler):
    """Tensors of a checkpoint as (numbers, shape); nothing of the file is imported or called."""

    def __init__(self, archive, folder):
        super().__init__(archive.open(folder + "data.pkl"))
        self.archive, self.folder = archive, folder

    def find_class(self, module, name):
        if name == "OrderedDict":
            return dict
        if name == "_rebuild_tensor_v2":
            return self.tensor
        if name in ("FloatStorage", "LongStorage"):
            return {"FloatStorage": "f", "LongStorage": "q"}[name]
        raise ValueError(f"{module}.{name} in a checkpoint")

    def persistent_load(self, what):
        _, code, key, _, count = what
        return struct.unpack(f"<{count}{code}", self.archive.read(f"{self.folder}data/{key}"))

    @staticmethod
    def tensor(numbers, offset, shape, strides, *_):
        expected = [math.prod(shape[i + 1:]) for i in range(len(shape))]
        assert all(a == b for n, a, b in zip(shape, strides, expected) if n > 1), "not in one piece"
        return numbers[offset:offset + math.prod(shape)], shape


def tensors(path):
    if path.endswith(".safetensors"):
        data = open(path, "rb").read()
        (size,) = struct.unpack("<Q", data[:8])
        read = {}
        for name, entry in json.loads(data[8:8 + size]).items():
            if entry.get("dtype") == "F32":
                start, end = (8 + size + at for at in entry["data_offsets"])
                read[name] = struct.unpack(f"<{(end - start) // 4}f", data[start:end]), entry["shape"]
        return read
    with zipfile.ZipFile(path) as archive:
        pickled = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        state = Checkpoint(archive, pickled.removesuffix("data.pkl")).load()
    return state.get("state_dict", state)


class Encoder:
    """Features are lists by channel, frame and joint."""

    def __init__(self, state):
        prefix = "encoder_q."
        self.state = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}

    def rows(self, name):
        """A weight by its first dimension."""
        numbers, shape = self.state[name]
        size = len(numbers) // shape[0]
        return [numbers[i * size:(i + 1) * size] for i in range(shape[0])]

    def norm(self, name, channel, values):
        weight, bias, mean, variance = (
            self.state[f"{name}.{part}"][0][channel]
            for part in ["weight", "bias", "running_mean", "running_var"]
        )
        deviation = math.sqrt(variance + EPSILON)
        return [(x - mean) / deviation * weight + bias for x in values]

    def normed(self, name, x):
        return [[self.norm(name, c, row) for row in rows] for c, rows in enumerate(x)]

    def conv(self, name, x, taps, stride):
        """A convolution along time, padded so that a stride of 1 keeps the length."""
        weight, bias = self.rows(f"{name}.weight"), self.state[f"{name}.bias"][0]
        nothing = [0.0] * JOINTS
        padding = [nothing] * (taps // 2)
        x = [padding + rows + padding for rows in x]
        frames = (len(x[0]) - taps) // stride + 1
        out = [[[0.0] * JOINTS for _ in range(frames)] for _ in weight]
        for t in range(frames):
            for v in range(JOINTS):
                seen = [rows[t * stride + tap][v] for rows in x for tap in range(taps)]
                for o, (row, b) in enumerate(zip(weight, bias)):
                    out[o][t][v] = sum(map(mul, row, seen)) + b
        return out

    def aggregate(self, i, x):
        """The sum over the three subsets k of x_k A_k, each edge weighed by its importance."""
        a, importance = self.state["A"][0], self.state[f"edge_importance.{i}"][0]
        edges = list(map(mul, a, importance))
        into = [
            [edges[(k * JOINTS + v) * JOINTS + w] for k in range(SUBSETS) for v in range(JOINTS)]
            for w in range(JOINTS)
        ]
        channels = len(x) // SUBSETS
        out = []
        for c in range(channels):
            parts = zip(*(x[k * channels + c] for k in range(SUBSETS)))
            gathered = [sum(rows, []) for rows in parts]
            out.append([[sum(map(mul, column, row)) for column in into] for row in gathered])
        return out

    def block(self, i, x):
        name = f"st_gcn_networks.{i}"
        y = self.aggregate(i, self.conv(f"{name}.gcn.conv", x, 1, 1))
        y = relu(self.normed(f"{name}.tcn.0", y))
        y = self.normed(f"{name}.tcn.3", self.conv(f"{name}.tcn.2", y, TAPS, STRIDES[i]))
        if f"{name}.residual.0.weight" in self.state:
            shortcut = self.conv(f"{name}.residual.0", x, 1, STRIDES[i])
            y = added(y, self.normed(f"{name}.residual.1", shortcut))
        elif i > 0:
            y = added(y, x)
        return relu(y)

    def feature(self, clip):
        """The mean over frames and joints after the last block, of one body."""
        x = [[[joint[c] for joint in body] for body in clip] for c in range(3)]
        for v in range(JOINTS):
            for c in range(3):
                seen = self.norm("data_bn", v * 3 + c, [row[v] for row in x[c]])
                for row, value in zip(x[c], seen):
                    row[v] = value
        for i in range(len(STRIDES)):
            x = self.block(i, x)
        return [sum(map(sum, rows)) / (len(rows) * JOINTS) for rows in x]

    def probabilities(self, features):
        mean = [sum(values) / len(values) for values in zip(*features)]
        rows, bias = self.rows("fc.weight"), self.state["fc.bias"][0]
        logits = [sum(map(mul, row, mean)) + b for row, b in zip(rows, bias)]
        shares = [math.exp(x - max(logits)) for x in logits]
        return [x / sum(shares) for x in shares]


def relu(x):
    return [[[max(value, 0.0) for value in row] for row in rows] for rows in x]


def added(x, y):
    return [[[a + b for a, b in zip(p, q)] for p, q in zip(r, s)] for r, s in zip(x, y)]


def main():
    weights, *files = sys.argv[1:]
    encoder = Encoder(tensors(weights))
    bodies = [body for path in files for body in prepare(read_skeleton(path))]
    # A body that isn't there is the same in every file.
    different = list({repr(body): body for body in bodies}.values())
    with multiprocessing.Pool() as pool:
        features = pool.map(encoder.feature, different, chunksize=1)
    known = dict(zip(map(repr, different), features))
    for i, path in enumerate(files):
        of_file = [known[repr(body)] for body in bodies[i * BODIES:(i + 1) * BODIES]]
        print(json.dumps({"file": path, "probabilities": encoder.probabilities(of_file)}))


if __name__ == "__main__":
    main()
