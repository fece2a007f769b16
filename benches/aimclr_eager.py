"""AimCLR in eager PyTorch, written from the paper and the description of its code.

Nothing here is shared with the trainer. The 1x1 convolution comes first and an einsum with the
adjacency after it; the key encoder and the queue are kept as the paper's code keeps them.
"""

import torch
from torch import nn
from torch.nn import functional

EDGES = [(1, 2), (2, 21), (3, 21), (4, 3), (5, 21), (6, 5), (7, 6), (8, 7), (9, 21), (10, 9), (11, 10), (12, 11), (13, 1)]
EDGES += [(14, 13), (15, 14), (16, 15), (17, 1), (18, 17), (19, 18), (20, 19), (22, 23), (23, 8), (24, 25), (25, 12)]
CENTRE = 20


def adjacency():
    """Three subsets of the normalised adjacency, (3, 25, 25)."""
    linked = torch.eye(25)
    for a, b in EDGES:
        linked[a - 1, b - 1] = linked[b - 1, a - 1] = 1
    # Only the centre and its neighbours have a distance to it; all others count as equally far.
    distance = [0 if j == CENTRE else 1 if linked[j, CENTRE] else 99 for j in range(25)]
    normal = linked / linked.sum(0)
    subsets = torch.zeros(3, 25, 25)
    for row in range(25):
        for column in range(25):
            subset = 0 if row == column else 2 if distance[row] < distance[column] else 1
            subsets[subset, row, column] = normal[row, column]
    return subsets


class Aggregation(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, 3 * outputs, 1)

    def forward(self, x, a):
        x = self.conv(x)
        n, channels, t, v = x.shape
        return torch.einsum("nkctv,kvw->nctw", x.view(n, 3, channels // 3, t, v), a).contiguous()


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, dropout, residual):
        super().__init__()
        self.gcn = Aggregation(inputs, outputs)
        self.tcn = nn.Sequential(
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, (9, 1), (stride, 1), (4, 0)),
            nn.BatchNorm2d(outputs),
            nn.Dropout(dropout, inplace=True),
        )
        self.kind = residual
        if residual == "conv":
            self.residual = nn.Sequential(nn.Conv2d(inputs, outputs, 1, (stride, 1)), nn.BatchNorm2d(outputs))

    def forward(self, x, a):
        y = self.tcn(self.gcn(x, a))
        if self.kind == "conv":
            y = y + self.residual(x)
        elif self.kind == "identity":
            y = y + x
        return torch.relu_(y)


def drop(x, keep=0.7, small=1e-4):
    """EADM on (B, C, T, V): joints first, then single elements; the masks carry no gradient."""
    with torch.no_grad():
        t, v = x.shape[2:]
        squares = (x - x.mean((2, 3), keepdim=True)).pow(2)
        energy = squares / (4 * (squares.sum((2, 3), keepdim=True) / (t * v - 1) + small)) + 0.5
        attention = torch.sigmoid(energy)
        joints = (attention.mean((1, 2), keepdim=True) < keep).to(x.dtype)
        elements = (attention < keep).to(x.dtype)
        joints_scale = joints.numel() / joints.sum(dtype=torch.float32).clamp(min=1)
        elements_scale = elements.numel() / elements.sum(dtype=torch.float32).clamp(min=1)
    return x * joints * joints_scale * elements * elements_scale


class Encoder(nn.Module):
    def __init__(self, channels=16, hidden=256, features=128, dropout=0.5):
        super().__init__()
        c = channels
        widths = [(3, c, 1), (c, c, 1), (c, c, 1), (c, c, 1), (c, 2 * c, 2), (2 * c, 2 * c, 1), (2 * c, 2 * c, 1)]
        widths += [(2 * c, 4 * c, 2), (4 * c, 4 * c, 1), (4 * c, hidden, 1)]
        blocks = []
        for i, (inputs, outputs, stride) in enumerate(widths):
            residual = "none" if i == 0 else "identity" if inputs == outputs and stride == 1 else "conv"
            blocks.append(Block(inputs, outputs, stride, 0 if i == 0 else dropout, residual))
        self.register_buffer("A", adjacency())
        self.data_bn = nn.BatchNorm1d(75)
        self.st_gcn_networks = nn.ModuleList(blocks)
        self.edge_importance = nn.ParameterList(nn.Parameter(torch.ones(3, 25, 25)) for _ in widths)
        self.fc = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, features))

    def forward(self, x, dropped=False):
        """Projections of (N, 3, T, V, M), not normed; with `dropped` also those after EADM."""
        n, c, t, v, m = x.shape
        x = x.permute(0, 4, 3, 1, 2).contiguous().view(n * m, v * c, t)
        x = self.data_bn(x).view(n, m, v, c, t).permute(0, 1, 3, 4, 2).contiguous().view(n * m, c, t, v)
        for block, importance in zip(self.st_gcn_networks, self.edge_importance):
            x = block(x, self.A * importance)
        plain = self.head(x, n, m)
        return (plain, self.head(drop(x), n, m)) if dropped else plain

    def head(self, x, n, m):
        return self.fc(functional.avg_pool2d(x, x.shape[2:]).view(n, m, -1).mean(1))


class AimCLR(nn.Module):
    def __init__(self, queue=32768, momentum=0.999, temperature=0.07, features=128, **encoder):
        super().__init__()
        self.momentum, self.temperature = momentum, temperature
        self.encoder_q = Encoder(features=features, **encoder)
        self.encoder_k = Encoder(features=features, **encoder)
        for query, key in zip(self.encoder_q.parameters(), self.encoder_k.parameters()):
            key.data.copy_(query.data)
            key.requires_grad = False
        self.register_buffer("queue", functional.normalize(torch.randn(features, queue), dim=0))
        self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def update_key_encoder(self):
        for query, key in zip(self.encoder_q.parameters(), self.encoder_k.parameters()):
            key.data = key.data * self.momentum + query.data * (1 - self.momentum)

    @torch.no_grad()
    def enqueue(self, keys):
        start, size = int(self.queue_ptr), self.queue.shape[1]
        places = torch.arange(start, start + len(keys), device=keys.device) % size
        self.queue[:, places] = keys.T.to(self.queue.dtype)
        self.queue_ptr[0] = (start + len(keys)) % size

    def logits(self, query, keys, queue):
        own = torch.einsum("nc,nc->n", query, keys).unsqueeze(-1)
        others = torch.einsum("nc,ck->nk", query, queue)
        logits = torch.cat([own, others], 1)
        # A softmax over 32769 logits needs f32, whatever they were multiplied in.
        return (logits.float() if logits.dtype == torch.bfloat16 else logits) / self.temperature

    def forward(self, extreme, normal, key, top=0):
        """Losses (contrast or mined, D3M extreme, D3M dropped); `top` > 0 mines neighbours (stage 2)."""
        q = functional.normalize(self.encoder_q(normal), dim=1)
        q_extreme, q_dropped = (functional.normalize(x, dim=1) for x in self.encoder_q(extreme, dropped=True))
        with torch.no_grad():
            self.update_key_encoder()
            k = functional.normalize(self.encoder_k(key), dim=1)
        queue = self.queue.clone().detach()
        logits = [self.logits(x, k, queue) for x in (q, q_extreme, q_dropped)]
        target = torch.softmax(logits[0].detach(), 1)
        distribution = [-(target * functional.log_softmax(x, 1)).sum(1).mean() for x in logits[1:]]
        if top:
            positives = torch.zeros_like(logits[0])
            positives[:, 0] = 1
            for x in logits:
                nearest = torch.topk(x[:, 1:].detach(), top, 1).indices
                positives.scatter_(1, nearest + 1, 1)
            contrast = -((functional.log_softmax(logits[0], 1) * positives).sum(1) / positives.sum(1)).mean()
        else:
            labels = torch.zeros(len(q), dtype=torch.long, device=q.device)
            contrast = functional.cross_entropy(logits[0], labels)
        self.enqueue(k)
        return contrast, *distribution


def optimiser(model, lr=0.1):
    learnt = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.SGD(learnt, lr=lr, momentum=0.9, nesterov=False, weight_decay=1e-4)


def step(model, sgd, views, top=0, autocast=None):
    """One training step; `autocast` is a device type for bf16. Gives loss and its parts."""
    with torch.autocast(autocast or "cpu", torch.bfloat16, enabled=autocast is not None):
        losses = model(*views, top=top)
    loss = losses[0] + (losses[1] + losses[2]) / 2
    sgd.zero_grad()
    loss.backward()
    sgd.step()
    return loss, losses
