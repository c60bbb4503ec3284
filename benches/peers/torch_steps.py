#!/usr/bin/env python3
"""Steps a second in PyTorch, f32. usage: torch_steps.py cpu|cuda SECONDS [MODEL] [eager|compiled|graph] [tf32]

MODEL: undercomplete (784-256-128-32-128-784, batch 128), convolutional (conv 1-16-32 with a code of 32 and transposed
convolutions back, batch 128) or denoiser-64 (1-64-64-64-64-1 channels, 3x3, on 8 patches of 64x64).
graph: a CUDA graph of the whole step. tf32 lets products of f32 use it; else they do not.
"""
import sys
import time

import torch
from torch import nn

device, seconds = sys.argv[1], float(sys.argv[2])
name = sys.argv[3] if len(sys.argv) > 3 else "undercomplete"
mode = sys.argv[4] if len(sys.argv) > 4 else "eager"
tf32 = "tf32" in sys.argv[5:]
torch.backends.cuda.matmul.allow_tf32 = tf32
torch.backends.cudnn.allow_tf32 = tf32
torch.manual_seed(0)
batch, features = 128, 784
if name == "convolutional":
    model = nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(1568, 32), nn.Linear(32, 1568), nn.ReLU(), nn.Unflatten(1, (32, 7, 7)),
        nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Sigmoid(), nn.Flatten(),
    )
elif name == "denoiser-64":
    batch, features = 8, 64 * 64
    layers = [nn.Unflatten(1, (1, 64, 64)), nn.Conv2d(1, 64, 3, 1, 1), nn.ReLU()]
    for _ in range(3):
        layers += [nn.Conv2d(64, 64, 3, 1, 1), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Conv2d(64, 1, 3, 1, 1), nn.Flatten())
elif name == "undercomplete":
    widths = [784, 256, 128, 32, 128, 784]
    layers = []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        layers.append(nn.Linear(a, b))
        if i in (0, 1, 3):
            layers.append(nn.ReLU())
    model = nn.Sequential(*layers, nn.Sigmoid())
else:
    sys.exit(f"there is no model {name}")
model = model.to(device)
graphed = mode == "graph"
optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True, capturable=graphed)
rows = 10_000 if features == 784 else 256
data = torch.rand(rows, features, device=device)
static_x = torch.empty(batch, features, device=device)


def forward_loss(x):
    seen = x
    if name == "denoiser-64":
        seen = x + 0.1 * torch.randn_like(x)
        return nn.functional.mse_loss(seen + model(seen), x)
    return nn.functional.mse_loss(model(seen), x)


if mode == "compiled":
    forward_loss = torch.compile(forward_loss)


def train_on(x):
    optimizer.zero_grad()
    loss = forward_loss(x)
    loss.backward()
    optimizer.step()


def pick():
    return data[torch.randint(0, rows, (batch,), device=device)]


if graphed:
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            train_on(pick())
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad()
    with torch.cuda.graph(graph):
        train_on(static_x)

    def step():
        static_x.copy_(pick())
        graph.replay()
else:

    def step():
        train_on(pick())


def wait():
    if device == "cuda":
        torch.cuda.synchronize()


for _ in range(20 if name != "denoiser-64" else 3):
    step()
wait()
started, steps = time.perf_counter(), 0
while time.perf_counter() - started < seconds:
    step()
    steps += 1
wait()
print(f"{steps / (time.perf_counter() - started):.2f}")
