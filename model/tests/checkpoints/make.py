"""Writes the checkpoints that the tests read: `python3 make.py` with PyTorch, in this folder.

Every number of a whole encoder is a view of one row 0, 1/1024, 2/1024, …, so that files stay small
and each value tells where it came from.
"""

from argparse import Namespace
from collections import OrderedDict

import torch

POOL = torch.arange(2048, dtype=torch.float32) / 1024
JOINTS, WIDTH, LAST, CLASSES = 25, 2, 4, 3


def view(*shape):
    """A tensor on the pool, beginning at another place for every shape."""
    numbers = torch.Size(shape).numel()
    offset = (7 * sum(shape)) % (len(POOL) - numbers)
    return POOL[offset : offset + numbers].view(shape)


def encoder(prefix):
    """An encoder with a classifier as a 1x1 convolution."""
    state = OrderedDict()

    def norm(name, channels):
        for part in ["weight", "bias", "running_mean", "running_var"]:
            state[f"{name}.{part}"] = view(channels)
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def conv(name, *shape):
        state[f"{name}.weight"] = view(*shape)
        state[f"{name}.bias"] = view(shape[0])

    state["A"] = view(3, JOINTS, JOINTS)
    norm("data_bn", 3 * JOINTS)
    c = WIDTH
    widths = [(3, c), (c, c), (c, c), (c, c), (c, 2 * c), (2 * c, 2 * c), (2 * c, 2 * c)]
    widths += [(2 * c, 4 * c), (4 * c, 4 * c), (4 * c, LAST)]
    for i, (into, out) in enumerate(widths):
        block = f"st_gcn_networks.{i}"
        conv(f"{block}.gcn.conv", 3 * out, into, 1, 1)
        norm(f"{block}.tcn.0", out)
        conv(f"{block}.tcn.2", out, out, 9, 1)
        norm(f"{block}.tcn.3", out)
        if i in (4, 7, 9):
            conv(f"{block}.residual.0", out, into, 1, 1)
            norm(f"{block}.residual.1", out)
        state[f"edge_importance.{i}"] = view(3, JOINTS, JOINTS)
    conv("fc", CLASSES, LAST, 1, 1)
    return OrderedDict((prefix + name, value) for name, value in state.items())


def save(name, value):
    torch.save(value, f"{name}.pt")
    torch.save(value, f"{name}_old.pt", _use_new_zipfile_serialization=False)


save("whole", encoder("encoder_q."))

row = torch.arange(24, dtype=torch.float64)
save(
    "kinds",
    {
        "encoder_q.A": row.view(2, 3, 4).permute(2, 0, 1)[1:, :, ::2],
        "encoder_q.data_bn.weight": torch.tensor([1.5, -2.0]).half(),
        "encoder_q.data_bn.bias": torch.tensor([1.5, -2.0]).bfloat16(),
        "encoder_q.data_bn.running_mean": torch.nn.Parameter(torch.tensor([0.25])),
        "encoder_q.edge_importance.0": torch.tensor([1, -2], dtype=torch.int32),
        "encoder_q.edge_importance.1": torch.tensor([True, False]),
        "encoder_q.edge_importance.2": torch.zeros(0, 5),
        "encoder_q.edge_importance.3": torch.tensor([3, -4], dtype=torch.int16),
        "encoder_q.edge_importance.4": torch.tensor([3, -4], dtype=torch.int8),
        "encoder_q.edge_importance.5": torch.tensor([3, 255], dtype=torch.uint8),
        "queue_ptr": torch.tensor(2**40),
    },
)

one = torch.ones(1)
save(
    "nested",
    {
        "epoch": 3,
        "args": Namespace(lr=0.1, streams=["joint"], device=torch.device("cpu")),
        "optimizer": {"state": {0: {"momentum_buffer": one * 9}}, "param_groups": [{"lr": 0.1}]},
        "model_state_dict": OrderedDict(
            {
                "module.encoder_q.data_bn.weight": one,
                "module.encoder_q.data_bn.num_batches_tracked": torch.tensor(7),
                "module.encoder_q.fc.0.weight": one * 2,
                "module.encoder_q.decoder.weight": one,
                "module.encoder_q.data_bn.bias": 5,
                "module.encoder_k.data_bn.weight": one * 3,
                "module.queue": one * 4,
            }
        ),
    },
)

save(
    "three_streams",
    {
        f"encoder_{role}{stream}.data_bn.weight": one * number
        for number, (role, stream) in enumerate(
            (role, stream) for stream in ["", "_motion", "_bone"] for role in "qk"
        )
    }
    | {"queue": one * 6, "queue_motion": one * 7, "queue_bone": one * 8, "queue_ptr": one * 9},
)

save("bare", OrderedDict({"data_bn.weight": one, "st_gcn_networks.0.gcn.conv.bias": one * 2}))

save("other", {"layer1.weight": one, "layer1.bias": one})
