"""NumPy's PCG64DXSM seeded by SeedSequence. Writes tests/data/pcg64dxsm.txt.
(Not called random.py: a file of that name in this folder would stand in for Python's own `random`, which NumPy imports.)"""
import numpy as np

from safetensors_io import DATA

ENTROPY = [[0], [1], [0, 0], [1, 2, 3], [1, 2, 3, 0], [2**32 + 5, 7], [5, 1, 7], [2**32], [2**64 - 1], [2**32 - 1] * 4,
           [7, 0, 18, 2, 123456], [1, 2, 3, 4, 5], [0, 0, 0, 0, 0], [20250610, 0, 0, 0, 0, 0, 0, 9], [2**63 + 1, 2, 2**40, 0, 2**32, 1]]


def words(entropy):     # each integer as its 32-bit words, lowest first, as many as it needs, 0 as one: 2^32 + 5 → 5 1
    return [n >> 32 * k & 0xffffffff for n in entropy for k in range(max(1, (n.bit_length() + 31) // 32))]


M, SEEDING = 0xda942042e4dd58b5, 0x2360ed051fc65da44385df649fccf645      # NumPy seeds with PCG64's multiplier of 128 bits
M64, M128 = 2**64 - 1, 2**128 - 1


def step(state, inc, multiplier=M):                 # the generator's 128-bit state: state · M + inc
    return (state * multiplier + inc) & M128


def output(state):                                  # DXSM of the state before the step
    high, low = state >> 64, state & M64 | 1
    high ^= high >> 32
    high = high * M & M64
    high ^= high >> 48
    return high * low & M64


def check(sequence, state, inc, raw):
    a, b, c, d = (int(v) for v in sequence.generate_state(4, np.uint64))
    assert inc == ((c << 64 | d) << 1 | 1) & M128   # the stream number's top bit is lost
    assert state == step(step(0, inc, SEEDING) + (a << 64 | b), inc, SEEDING)
    for r in raw:
        assert r == output(state)
        state = step(state, inc)


def main():
    with open(DATA / "pcg64dxsm.txt", "w") as f:
        print("# PCG64DXSM(SeedSequence(entropy)), NumPy: entropy (decimal) : its 32-bit words (decimal) : state : inc (128 bits, hex) : first 8 outputs (64 bits, hex)", file=f)
        for entropy in ENTROPY:
            sequence = np.random.SeedSequence(entropy)
            generator = np.random.PCG64DXSM(sequence)
            state, inc = generator.state["state"]["state"], generator.state["state"]["inc"]
            raw = [int(r) for r in generator.random_raw(8)]
            check(sequence, state, inc, raw)
            same = np.random.PCG64DXSM(np.random.SeedSequence(words(entropy)))
            assert same.state["state"] == {"state": state, "inc": inc}
            print(*entropy, ":", *words(entropy), f": {state:032x} : {inc:032x} :", *(f"{r:016x}" for r in raw), file=f)


if __name__ == "__main__":
    main()
