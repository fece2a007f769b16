"""Writes the arrays that the tests read: `python3 make.py` with NumPy, in this folder."""

import pickle

import numpy as np


def body(m, frames, joints=25, channels=3):
    """Body m, (frames, joints, channels): 1 + 256 m + 32 t + v + c / 4."""
    t, v, c = np.ogrid[:frames, :joints, :channels]
    return 1 + 256 * m + 32 * t + v + c / 4


def clip(bodies, frames, room_frames=4, room=2):
    """(T, M, V, 3), padded with zeros."""
    out = np.zeros((room_frames, room, 25, 3), dtype=np.float32)
    for m in range(bodies):
        out[:frames, m] = body(m, frames)
    return out


# AimCLR's own: the first clip has two bodies in 3 frames, the second one body in 4, the third one in 2.
clips = {
    "train": [("S001C002P003R001A001.skeleton", 0, clip(2, 3)), ("S017C001P020R002A060", 59, clip(1, 4))],
    "val": [("S001C001P001R001A003", 2, clip(1, 2))],
}
for part, rows in clips.items():
    np.save(f"{part}_position.npy", np.stack([c for _, _, c in rows]).transpose(0, 4, 1, 3, 2).copy())
    with open(f"{part}_label.pkl", "wb") as file:
        pickle.dump(([name for name, _, _ in rows], [label for _, label, _ in rows]), file)

# CTR-GCN's.
arrays = {}
for part, rows in {"train": clips["train"], "test": clips["val"]}.items():
    arrays[f"x_{part}"] = np.stack([c for _, _, c in rows]).reshape(len(rows), 4, 150)
    arrays[f"y_{part}"] = np.eye(60)[[label for _, label, _ in rows]]
np.savez("ctr.npz", **arrays)
np.savez_compressed("ctr_packed.npz", **arrays)

# PYSKL's, in the protocol that mmcv chooses and in today's.
annotations = [
    dict(
        frame_dir=name.removesuffix(".skeleton"),
        label=label,
        total_frames=frames,
        keypoint=np.stack([body(m, frames) for m in range(bodies)]).astype(np.float16),
    )
    for (name, label, _), (bodies, frames) in zip(sum(clips.values(), []), [(2, 3), (1, 4), (1, 2)])
]
annotations[1]["label"] = np.int64(59)
ids = [annotation["frame_dir"] for annotation in annotations]
three = dict(
    split=dict(xsub_train=ids[:2], xsub_val=ids[2:], xview_train=ids[1:], xview_val=ids[:1], some_train=ids[:1]),
    annotations=annotations,
)
two = dict(
    split=dict(train=["a"], val=["b"]),
    annotations=[
        dict(
            frame_dir=name,
            label=i,
            img_shape=(480, 640),
            original_shape=(480, 640),
            total_frames=2,
            keypoint=np.stack([body(m, 2, 17, 2) for m in range(3)]).astype(np.float16),
            keypoint_score=np.stack([body(m, 2, 17, 1)[..., 0] / 1024 for m in range(3)]).astype(np.float16),
        )
        for i, name in enumerate("ab")
    ],
)
for name, data in [("three", three), ("two", two)]:
    for protocol in [2, 4]:
        with open(f"pyskl_{name}.{protocol}.pkl", "wb") as file:
            pickle.dump(data, file, protocol)
