"""Writes the pickles that the tests read: `python3 make.py` with NumPy, in this folder."""

import pickle
from collections import OrderedDict

import numpy as np

values = OrderedDict(
    none=None,
    truth=[True, False],
    whole=[0, 255, 256, 65536, -1, 2**31, -(2**31) - 1, 2**62, -(2**63), 2**80, -(2**100)],
    float=[0.5, -1e300, float("inf")],
    text="Gr\u00f6\u00dfe \u20ac \U0001f938\n\\ 'x' \"y\"",
    bytes=[b"\x00\xff\n", b""],
    tuples=((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    nested={"a": {"b": [{"c": 1}]}},
    f16=np.array([[1.5, -2.0, 65504.0]], dtype=np.float16),
    f32=np.arange(6, dtype=np.float32).reshape(2, 3),
    f64=np.array([0.1]),
    i64=np.array([1, -2, 2**40]),
    u8=np.array([0, 255], dtype=np.uint8),
    bool=np.array([True, False]),
    fortran=np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    scalar=np.float32(1.5),
    empty=np.zeros((0, 3), dtype=np.float32),
    big_endian=np.array([1.0], dtype=">f4"),
    texts=np.array(["a"]),
)
twice = ["shared"]
values["shared"] = [twice, twice]
for protocol in range(6):
    with open(f"values.{protocol}.pkl", "wb") as file:
        pickle.dump(values, file, protocol)

loop = []
loop.append(loop)
with open("loop.pkl", "wb") as file:
    pickle.dump(loop, file)
