#!/usr/bin/env python3
"""Training steps of AimCLR in eager PyTorch, timed: what the trainer is measured against.

    python3 benches/aimclr_step.py --check            # it computes the released code's numbers
    python3 benches/aimclr_step.py --batch 128 --bodies 2 --threads 2

With `--loader device` the views lie on the device already and each step takes the same ones: no
augmentation is counted. With `--loader numpy` a DataLoader's workers make them, a sample at a time,
as the paper's code does. One JSON line a block of steps: seconds a step.

With `--paced`, a block of steps begins when a line arrives on stdin: `train_speed.py` lets two
programs take turns with it.
"""

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path

import environment

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
CLIPS = 4096


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128, help="samples in a step [128]")
    parser.add_argument("--bodies", type=int, default=1, help="bodies in a sample [1]")
    parser.add_argument("--queue", type=int, default=32768, help="keys in the queue [32768]")
    parser.add_argument("--stage", type=int, choices=[1, 2], default=1, help="2 mines nearest neighbours [1]")
    parser.add_argument("--bf16", action="store_true", help="under torch.autocast in bf16")
    parser.add_argument("--device", default="cpu", help="cpu or cuda [cpu]")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch [1]")
    parser.add_argument("--loader", choices=["device", "numpy"], default="device", help="where views come from [device]")
    parser.add_argument("--workers", type=int, default=min(16, os.cpu_count()), help="of the numpy loader [16, or the cores]")
    parser.add_argument("--steps", type=int, default=1, help="steps in a block [1]")
    parser.add_argument("--blocks", type=int, default=5, help="blocks, where not paced [5]")
    parser.add_argument("--paced", action="store_true", help="wait for a line on stdin before each block")
    parser.add_argument("--check", action="store_true", help="compare with the golden numbers, and nothing else")
    return parser.parse_args()


def difference(found, expected):
    return float((found.double() - expected.double()).abs().max() / expected.double().abs().max().clamp(min=1e-30))


def check_step(name, top):
    """The largest difference from a golden step, as a share of each tensor's largest value."""
    import aimclr_eager
    import torch
    from safetensors.torch import load_file

    numbers = load_file(GOLDEN / "small" / f"step_{name}.safetensors")
    scalars = json.loads((GOLDEN / "small" / "scalars.json").read_text())["scalars"][name]
    model = aimclr_eager.AimCLR(queue=64, features=8, channels=4, hidden=16, dropout=0).double()
    weights = load_file(GOLDEN / "small" / "weights.safetensors")
    model.load_state_dict({key: value.double() if value.is_floating_point() else value for key, value in weights.items()})
    views = [numbers[view].double() for view in ("im_q_extreme", "im_q", "im_k")]
    loss, losses = aimclr_eager.step(model, aimclr_eager.optimiser(model), views, top=top)
    found = dict(zip(("loss", "loss_info_nce", "loss_d3m_extreme", "loss_d3m_dropped"), (loss, *losses)))
    worst = {key: abs(value.item() / scalars[key] - 1) for key, value in found.items()}
    for key, parameter in model.encoder_q.named_parameters():
        expected = numbers[f"grad.encoder_q.{key}"]
        # A bias ahead of a batch norm has no gradient, only noise.
        if expected.abs().max() > 1e-9:
            worst[f"grad.{key}"] = difference(parameter.grad, expected)
    for key, value in model.state_dict().items():
        expected = numbers.get(f"after.{key}")
        if expected is not None and value.is_floating_point():
            worst[f"after.{key}"] = difference(value, expected)
    return worst


def check_augmentations():
    import aimclr_augment as augment
    import torch
    from safetensors.torch import load_file

    numbers = load_file(GOLDEN / "data" / "augment.safetensors")
    draws = json.loads((GOLDEN / "data" / "augment.json").read_text())["draws"]
    x = numbers["input"].double().numpy()
    worst = {}
    for i in range(2):
        outputs = {
            "shear": augment.transform(x, augment.shear_matrix(draws[f"shear.{i}"])),
            "temporal_crop": augment.crop(x, draws[f"temporal_crop.{i}"][0]),
            "spatial_flip": x[:, :, augment.MIRROR],
            "rotate": augment.transform(x, augment.rotation_matrix(draws[f"rotate.{i}"][1:])),
            "gaussian_blur": augment.blur(x, draws[f"gaussian_blur.{i}"][0]),
            "axis_mask": augment.mask_axis(x, draws[f"axis_mask.{i}"][1]),
        }
        for name, found in outputs.items():
            worst[f"{name}.{i}"] = difference(torch.from_numpy(found.copy()), numbers[f"{name}.{i}.output"])
    return worst


def check():
    good = True
    for name, worst, tolerance in (
        ("a step of stage 1", check_step("stage1", 0), 1e-4),
        ("a step of stage 2, one neighbour", check_step("stage2_top1", 1), 1e-4),
        ("a step of stage 2, three neighbours", check_step("stage2_top3", 3), 1e-4),
        ("augmentations", check_augmentations(), 1e-5),
    ):
        key = max(worst, key=worst.get)
        good &= worst[key] <= tolerance
        print(f"{name}: {len(worst)} tensors, farthest {key}, {worst[key]:.1e} of its largest value")
    return good


def loader(args):
    """A DataLoader as the paper's code has it, over random clips that are repeated for ever."""
    import aimclr_augment
    import numpy
    import torch

    class Clips(torch.utils.data.Dataset):
        def __init__(self, length):
            self.length = length
            self.clips = numpy.random.default_rng(0).standard_normal((CLIPS, 3, 50, 25, args.bodies), numpy.float32)

        def __len__(self):
            return self.length

        def __getitem__(self, index):
            return aimclr_augment.views(self.clips[index % CLIPS], random)

    # What was prefetched while nothing was timed is used up before the clock starts.
    untimed = 2 * 2 * args.workers
    dataset = Clips((untimed + args.steps) * args.batch)
    cuda = args.device.startswith("cuda")
    batches = torch.utils.data.DataLoader(
        dataset, args.batch, shuffle=True, num_workers=args.workers, pin_memory=cuda, drop_last=True, persistent_workers=True
    )
    return batches, untimed


def main():
    args = arguments()
    environment.enter("train-speed", environment.TORCH)
    if args.check:
        sys.exit(0 if check() else 1)

    import aimclr_eager
    import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    device = torch.device(args.device)
    model = aimclr_eager.AimCLR(queue=args.queue).to(device).train()
    sgd = aimclr_eager.optimiser(model, lr=0.01)
    autocast = device.type if args.bf16 else None

    def run(views):
        loss, _ = aimclr_eager.step(model, sgd, views, args.stage - 1, autocast)
        # The paper's code logs each step's loss, which waits for the device.
        assert torch.isfinite(torch.tensor(loss.item())), "the loss is not finite"

    if args.loader == "numpy":
        batches, untimed = loader(args)

        def block():
            for index, views in enumerate(batches):
                if index == untimed:
                    began = time.perf_counter()
                run([view.to(device, non_blocking=True) for view in views])
            return (time.perf_counter() - began) / args.steps

    else:
        views = [torch.randn(args.batch, 3, 50, 25, args.bodies, device=device) for _ in range(3)]

        def block():
            began = time.perf_counter()
            for _ in range(args.steps):
                run(views)
            return (time.perf_counter() - began) / args.steps

        # The first steps take memory and choose kernels.
        for _ in range(2):
            run(views)
    print("ready", flush=True)
    blocks = sys.stdin if args.paced else range(args.blocks)
    for _ in blocks:
        print(json.dumps({"seconds": block()}), flush=True)


if __name__ == "__main__":
    main()
