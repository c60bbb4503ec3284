#!/usr/bin/env python3
"""Steps a second at batch 128 in PyTorch, eager, f32. usage: torch_steps.py cpu|cuda SECONDS [convolutional]

The canonical model, 784-256-128-32-128-784, or conv 1-16-32 with a code of 32 and transposed convolutions back.
"""
import sys
import time

import torch
from torch import nn

device, seconds = sys.argv[1], float(sys.argv[2])
torch.manual_seed(0)
if sys.argv[3:] == ["convolutional"]:
    model = nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(1568, 32), nn.Linear(32, 1568), nn.ReLU(), nn.Unflatten(1, (32, 7, 7)),
        nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Sigmoid(), nn.Flatten(),
    ).to(device)
else:
    widths = [784, 256, 128, 32, 128, 784]
    layers = []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        layers.append(nn.Linear(a, b))
        if i in (0, 1, 3):
            layers.append(nn.ReLU())
    model = nn.Sequential(*layers, nn.Sigmoid()).to(device)
optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
data = torch.rand(10_000, 784, device=device)


def step():
    x = data[torch.randint(0, 10_000, (128,), device=device)]
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), x)
    loss.backward()
    optimizer.step()


def wait():
    if device == "cuda":
        torch.cuda.synchronize()


for _ in range(20):
    step()
wait()
started, steps = time.perf_counter(), 0
while time.perf_counter() - started < seconds:
    step()
    steps += 1
wait()
print(f"{steps / (time.perf_counter() - started):.2f}")
