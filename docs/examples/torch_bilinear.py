#!/usr/bin/env python3
# A recurrent network with a matrix for each symbol, trained on one export of scanbench, answers another:
#   torch_bilinear.py TRAIN-FOLDER TEST-FOLDER PREDICTIONS.npy [SEED]
import sys
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

train, test, out, seed = (sys.argv[1:] + ["0"])[:4]
torch.manual_seed(int(seed))
torch.set_num_threads(1)
load = lambda folder, name: torch.from_numpy(np.load(f"{folder}/{name}.npy")).long()
tokens, targets = load(train, "tokens"), load(train, "targets")         # [N, T]; a target of -100 is not asked
inputs, outputs, width, steps = int(tokens.max()) + 1, int(targets.max()) + 1, 32, 800


class Bilinear(nn.Module):                                              # h_t = h_{t-1} A(x_t), made a unit vector
    def __init__(self):
        super().__init__()
        self.matrices = nn.Parameter(torch.linalg.qr(torch.randn(inputs, width, width))[0])
        self.first = nn.Parameter(torch.randn(width))
        self.head = nn.Linear(width, outputs)

    def forward(self, x):
        state, states = self.first.expand(len(x), width), []
        for t in range(x.shape[1]):
            state = normalize(torch.einsum("bi,bij->bj", state, self.matrices[x[:, t]]), dim=-1)
            states.append(state)
        return self.head(10 * torch.stack(states, 1))                   # [B, T, outputs]


model, length, error = Bilinear(), 3, 1.0
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
for step in range(1, steps + 1):
    some = torch.randint(len(tokens), (256,))
    x, y = tokens[some, :length], targets[some, :length]                # examples cut short are examples: short ones first
    scores = model(x)
    loss = cross_entropy(scores.reshape(-1, outputs), y.reshape(-1))    # passes over -100
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    error = 0.9 * error + 0.1 * (scores.argmax(-1) != y)[y >= 0].float().mean().item()
    if step % 100 == 0:
        print(f"step {step}: {length} tokens, loss {loss.item():.3f}, error {error:.3f}")
    if error < 0.2 and length < tokens.shape[1]:
        length, error = min(2 * length, tokens.shape[1]), 1.0

with torch.no_grad():
    answers = torch.cat([model(part).argmax(-1) for part in load(test, "tokens").split(256)])
np.save(out, answers.int().numpy())
